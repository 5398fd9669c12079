from typing import Optional

import torch
from mmengine.model import ModuleList
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from ..layers import PackedCells, PackedModule
from .base_tad_head import BaseTADHead

# where GeReTanH lets a tenth through; a gate that starts shut never opens
GATE_BIAS = 0.6


@MODELS.register_module()
class DyLayer(PackedModule):
    """Fuse neighbouring levels, then attend within each level.

    With the scale paths ``down`` and ``up`` and the depth path ``depth``, all
    of them shared by the levels::

        fused_l = gamma * (down(f_{l-1})[::2] + repeat(up(f_{l+1}), 2))
                  + alpha * f_l
        f_l = ReLU(depth(fused_l))

    A missing neighbour adds nothing. ``gamma`` starts at 0, ``alpha`` at 1.
    A path is a :class:`PackedModule` that receives ``in_channels``,
    ``out_channels`` and ``kernel_size`` from here, and whose ``forward_rows``
    takes the rows for which an output is wanted: :class:`DFAAtt` or
    :class:`ConvPath`.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): Odd kernel of all paths. Defaults to 3.
        scale_path (dict): Path ``down`` and path ``up``. Defaults to
            ``DFAAtt`` with ``TapAttention``.
        depth_path (dict): Path ``depth``. Defaults to ``DFAAtt`` with
            ``ConvAttention``.
        init_cfg (dict | list[dict], optional): Initialisation.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Eq. (8)-(9).
    """

    #: Lets the detector refuse a pyramid of a single level.
    fuses_levels = True

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 scale_path: ConfigType = dict(
                     type='dyfadet_mm.DFAAtt',
                     attention=dict(
                         type='dyfadet_mm.TapAttention', init_bias=GATE_BIAS)),
                 depth_path: ConfigType = dict(
                     type='dyfadet_mm.DFAAtt',
                     attention=dict(
                         type='dyfadet_mm.ConvAttention',
                         init_bias=GATE_BIAS)),
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        self.kernel_size = kernel_size

        def path(cfg: ConfigType, width: int) -> nn.Module:
            return MODELS.build(
                dict(
                    in_channels=in_channels,
                    out_channels=width,
                    kernel_size=kernel_size,
                    **cfg))

        self.down = path(scale_path, in_channels)
        self.up = path(scale_path, in_channels)
        self.depth = path(depth_path, out_channels)
        self.gamma = nn.Parameter(torch.tensor(0.))
        self.alpha = nn.Parameter(torch.tensor(1.))

    def forward_rows(self, x: Tensor, cells: PackedCells) -> Tensor:
        """Run one layer of the tower.

        Args:
            x (Tensor): Features of all levels, zero in the gaps, (N, C_in).
            cells (PackedCells): What the rows are.

        Returns:
            Tensor: Features, zero on padding, (N, C_out).
        """
        fused = self.alpha * x
        if cells.is_pyramid:
            # the scale paths only where a neighbouring level reads them
            finer = self.down.forward_rows(x, cells, slice(None, None, 2))
            coarser = self.up.forward_rows(x, cells,
                                           slice(cells.second_level, None))
            neighbours = cells.from_finer(finer)
            neighbours += cells.from_coarser(coarser)
            fused = torch.addcmul(fused, self.gamma, neighbours)
        return self.depth.forward_rows(fused, cells).relu_()


@MODELS.register_module()
class DyTower(PackedModule):
    """Multi-scale tower: a sequence of :class:`DyLayer`.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of all layers' outputs.
        num_layers (int): Number of layers.
        kernel_size (int): Odd kernel. Defaults to 3.
        kwargs: Further arguments of :class:`DyLayer`.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_layers: int,
                 kernel_size: int = 3,
                 **kwargs) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.layers = ModuleList(
            DyLayer(out_channels if i else in_channels, out_channels,
                    kernel_size, **kwargs) for i in range(num_layers))

    def forward_rows(self, x: Tensor, cells: PackedCells) -> Tensor:
        """Run the layers; shapes as in :class:`DyLayer`."""
        for layer in self.layers:
            x = layer.forward_rows(x, cells)
        return x


@MODELS.register_module()
class DyHead(BaseTADHead):
    """Dynamic head: multi-scale towers whose taps depend on the input.

    Args:
        num_classes (int): Number of classes.
        in_channels (int): Channels of the neck's levels.
        feat_channels (int): Channels of the towers.
        formation (str): Formation of the scale paths' gate, ``'c'``, ``'k'``
            or ``'ck'``. Defaults to ``'c'``.
        tau (float): Threshold of ``GeReTanH`` in the scale paths. Defaults
            to 1.5.
        gate_bias (float, optional): Bias of all gates at the start; None
            draws it as PyTorch does. Defaults to 0.6, where ``GeReTanH``
            lets a tenth through. A gate that starts shut never opens.
        depth_act_cfg (dict, optional): Activation of the depth path's gate.
            Defaults to None, the activation of the scale paths.
        norm_cfg (dict): Arguments of all norms, such as ``eps``. Defaults to
            an empty dict.
        kwargs: Further arguments of :class:`BaseTADHead`.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Sec. 3.3.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: int,
                 feat_channels: int,
                 formation: str = 'c',
                 tau: float = 1.5,
                 gate_bias: Optional[float] = GATE_BIAS,
                 depth_act_cfg: OptConfigType = None,
                 norm_cfg: ConfigType = dict(),
                 **kwargs) -> None:
        act_cfg = dict(type='dyfadet_mm.GeReTanH', tau=tau)
        tower = dict(
            type='dyfadet_mm.DyTower',
            scale_path=dict(
                type='dyfadet_mm.DFAAtt',
                attention=dict(
                    type='dyfadet_mm.TapAttention',
                    formation=formation,
                    act_cfg=act_cfg,
                    init_bias=gate_bias),
                norm_cfg=norm_cfg),
            depth_path=dict(
                type='dyfadet_mm.DFAAtt',
                attention=dict(
                    type='dyfadet_mm.ConvAttention',
                    act_cfg=depth_act_cfg or act_cfg,
                    init_bias=gate_bias,
                    norm_cfg=norm_cfg),
                norm_cfg=norm_cfg))
        super().__init__(tower, num_classes, in_channels, feat_channels,
                         **kwargs)
