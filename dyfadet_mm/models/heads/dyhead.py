from typing import Optional

import torch
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import PackedPyramid
from dyfadet_mm.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from ..layers import build_layer
from .base_tad_head import BaseTADHead

# where GeReTanH lets a tenth through; a gate that starts shut never opens
GATE_BIAS = 0.6


@MODELS.register_module()
class DyLayer(BaseModule):
    """Fuse neighbouring levels, then attend within each level.

    With the scale paths ``down`` and ``up`` and the depth path ``depth``, all
    of them shared by the levels::

        fused_l = gamma * (down(f_{l-1})[::2] + repeat(up(f_{l+1}), 2))
                  + alpha * f_l
        f_l = ReLU(depth(fused_l))

    A missing neighbour adds nothing. ``gamma`` starts at 0, ``alpha`` at 1.
    A path, :class:`DFAAtt` or :class:`ConvPath`, maps features (1, C_in, N)
    and their :class:`PackedCells` to features (1, C_out, ceil(N / stride)).
    It receives ``in_channels``, ``out_channels``, ``kernel_size`` and
    ``stride`` from here. Scale paths run where a neighbour reads them.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): Odd kernel of all paths. Defaults to 3.
        scale_path (dict): Path ``down`` and path ``up``. Defaults to
            ``DFAAtt`` with ``TapAttention``.
        depth_path (dict): Defaults to ``DFAAtt`` with ``ConvAttention``.
        residual (bool): Whether ``fused_l`` is added to ``depth(fused_l)``,
            where both have the same channels. Defaults to False.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Eq. (8)-(9).

    Note:
        The ReLU is that of the published code; Eq. (9) has none.
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
                 residual: bool = False,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        self.residual = residual and in_channels == out_channels

        sizes = dict(in_channels=in_channels, kernel_size=kernel_size)
        inner = dict(sizes, out_channels=in_channels)
        self.down, self.up = (
            build_layer(
                scale_path, 'scale_path', self, stride=stride, **inner)
            for stride in (2, 1))
        outer = dict(sizes, out_channels=out_channels, stride=1)
        self.depth = build_layer(depth_path, 'depth_path', self, **outer)
        self.gamma = nn.Parameter(torch.tensor(0.))
        self.alpha = nn.Parameter(torch.tensor(1.))

    def forward(self, x: Tensor, pyramid: PackedPyramid) -> Tensor:
        """Run one layer, (1, C_in, N) to (1, C_out, N), zero on padding."""
        fused = self.alpha * x
        top = pyramid.num_levels - 1
        if top > 0:  # Eq. (8)
            finer, coarser = (0, top - 1), (1, top)
            fused = pyramid.add_neighbours(
                fused,
                self.down(x[..., pyramid.span(*finer)], pyramid.part(*finer)),
                self.up(x[..., pyramid.span(*coarser)],
                        pyramid.part(*coarser)), self.gamma)
        x = self.depth(fused, pyramid)  # Eq. (9)
        if self.residual:
            x = x + fused * pyramid.mask
        return x.relu_()


@MODELS.register_module()
class DyTower(BaseModule):
    """Multi-scale tower: a sequence of :class:`DyLayer`.

    Args: Those of :class:`DyLayer`, and
        num_layers (int): Number of layers.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_layers: int,
                 kernel_size: int = 3,
                 **kwargs) -> None:
        super().__init__()
        self.layers = ModuleList(
            DyLayer(out_channels if i else in_channels, out_channels,
                    kernel_size, **kwargs) for i in range(num_layers))

    def forward(self, x: Tensor, pyramid: PackedPyramid) -> Tensor:
        """Run the layers; shapes as in :class:`DyLayer`."""
        for layer in self.layers:
            x = layer(x, pyramid)
        return x


@MODELS.register_module()
class DyHead(BaseTADHead):
    """Dynamic head: multi-scale towers whose taps depend on the input.

    Args: Those of :class:`BaseTADHead` without ``tower``, and
        formation (str): Formation of the scale paths' gate, ``'c'``, ``'k'``
            or ``'ck'``. Defaults to ``'c'``.
        tau (float): Of ``GeReTanH`` in the scale paths. Defaults to 1.5.
        gate_bias (float, optional): Bias of all gates at the start; None
            draws it as PyTorch does. Defaults to 0.6, where ``GeReTanH``
            lets a tenth through. A gate that starts shut never opens.
        trains_shut (bool): Of :class:`GeReTanH`. Defaults to False.
        residual (bool): Of :class:`DyLayer`. Defaults to False.
        depth_act_cfg (dict, optional): Activation of the depth path's gate.
            Defaults to None, the activation of the scale paths.
        norm_cfg (dict): Of all norms, such as ``eps``. Defaults to ``{}``.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Sec. 3.2.
    """

    def __init__(self,
                 *args,
                 formation: str = 'c',
                 tau: float = 1.5,
                 gate_bias: Optional[float] = GATE_BIAS,
                 trains_shut: bool = False,
                 residual: bool = False,
                 depth_act_cfg: OptConfigType = None,
                 norm_cfg: ConfigType = dict(),
                 **kwargs) -> None:
        tower = dy_tower(formation, tau, gate_bias, trains_shut, residual,
                         depth_act_cfg, norm_cfg)
        super().__init__(tower, *args, **kwargs)


def dy_tower(formation: str, tau: float, gate_bias: Optional[float],
             trains_shut: bool, residual: bool, depth_act_cfg: OptConfigType,
             norm_cfg: ConfigType) -> dict:
    """Config of a tower, from the arguments of :class:`DyHead`."""
    act_cfg = dict(
        type='dyfadet_mm.GeReTanH', tau=tau, trains_shut=trains_shut)
    gate = dict(act_cfg=act_cfg, init_bias=gate_bias)
    tap = dict(gate, type='dyfadet_mm.TapAttention', formation=formation)
    conv = dict(gate, type='dyfadet_mm.ConvAttention', norm_cfg=norm_cfg)
    if depth_act_cfg:
        conv['act_cfg'] = depth_act_cfg
    path = dict(type='dyfadet_mm.DFAAtt', norm_cfg=norm_cfg)
    return dict(
        type='dyfadet_mm.DyTower',
        residual=residual,
        scale_path=dict(path, attention=tap),
        depth_path=dict(path, attention=conv))
