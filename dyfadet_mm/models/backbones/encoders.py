from typing import Optional, Sequence, Union

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .pyramid_encoder import PyramidEncoder, per_level


@MODELS.register_module()
class ConvBackbone(PyramidEncoder):
    """Convolutional encoder: a pyramid of :class:`ConvLayer`.

    Args: Those of :class:`PyramidEncoder` without its layers, and ``op`` and
        ``squeeze`` of :class:`ConvLayer`, for all layers.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Tables 7 and 10, compares the Ops.
    """

    def __init__(self,
                 in_channels: int,
                 op: ConfigType = dict(type='dyfadet_mm.PlainConv1d'),
                 squeeze: OptConfigType = None,
                 **kwargs) -> None:
        layer = dict(type='dyfadet_mm.ConvLayer', op=op, squeeze=squeeze)
        super().__init__(
            in_channels, stem_layer=layer, branch_layer=layer, **kwargs)


@MODELS.register_module()
class LocalAttentionBackbone(PyramidEncoder):
    """ActionFormer's encoder: a pyramid of :class:`LocalAttentionLayer`.

    Args: Those of :class:`PyramidEncoder` without its layers, those of
        :class:`LocalAttentionLayer`, for all layers, and
        window (int | Sequence[int]): Of all layers, or of the stem and then
            of each layer of the branch. Defaults to 19.
        embed_norm_cfg (dict, optional): Of the embedding; None: ``norm_cfg``.

    Raises:
        ValueError: If there is not one window for the stem and each layer of
            the branch.

    Reference:
        Zhang et al., ActionFormer, ECCV 2022.
    """

    def __init__(self,
                 in_channels: Union[int, Sequence[int]],
                 num_heads: int = 4,
                 window: Union[int, Sequence[int]] = 19,
                 use_rel_pe: bool = False,
                 drop_path_rate: float = 0.1,
                 dropout: float = 0.,
                 arch: Sequence[int] = (2, 2, 5),
                 norm_cfg: ConfigType = dict(),
                 embed_norm_cfg: OptConfigType = None,
                 **kwargs) -> None:
        layer = dict(
            type='dyfadet_mm.LocalAttentionLayer',
            num_heads=num_heads,
            use_rel_pe=use_rel_pe,
            drop_path_rate=drop_path_rate,
            dropout=dropout,
            norm_cfg=norm_cfg)
        stem, *branch = (
            dict(layer, window=each)
            for each in per_level('window', window, arch))
        super().__init__(
            in_channels,
            stem_layer=stem,
            branch_layer=branch,
            arch=arch,
            norm_cfg=norm_cfg if embed_norm_cfg is None else embed_norm_cfg,
            **kwargs)


@MODELS.register_module()
class DynEBackbone(PyramidEncoder):
    """Dynamic encoder: a pyramid of :class:`DynELayer`.

    Args: Those of :class:`PyramidEncoder` without its layers; of
        :class:`DynELayer`, for all layers, ``mlp_channels``, ``init_std`` and
        ``factor``, which defaults to 5; and
        kernel_size (int | Sequence[int]): Odd kernel k_w of the branch
            layers, 1 by default; or an entry for the stem and each of them,
            where the first one is not read: the stem's kernel is 1.
        drop_path_rate (float): Of the branch layers. Defaults to 0.1.
        norm_cfg (dict): Of all norms, such as ``eps``. Defaults to ``{}``.
        layer (dict): Further arguments of all layers, and their type.
            Defaults to that of :class:`DynELayer`.

    Raises:
        ValueError: If ``kernel_size`` does not fit the number of layers.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Sec. 3.2.

    Note:
        The paper's Sec. 6.1 speaks of the last five outputs; the published
        code and weights use the stem's output as well, and so does this.
    """

    def __init__(self,
                 in_channels: int,
                 kernel_size: Union[int, Sequence[int]] = 1,
                 factor: float = 5.,
                 mlp_channels: Optional[int] = None,
                 drop_path_rate: float = 0.1,
                 init_std: float = 0.,
                 arch: Sequence[int] = (2, 2, 5),
                 norm_cfg: ConfigType = dict(),
                 layer: ConfigType = dict(type='dyfadet_mm.DynELayer'),
                 **kwargs) -> None:
        layer = dict(
            layer,
            factor=factor,
            mlp_channels=mlp_channels,
            init_std=init_std,
            norm_cfg=norm_cfg)
        _, *kernels = per_level('kernel_size', kernel_size, arch)
        super().__init__(
            in_channels,
            stem_layer=dict(layer, kernel_size=1),
            branch_layer=[
                dict(layer, kernel_size=each, drop_path_rate=drop_path_rate)
                for each in kernels
            ],
            arch=arch,
            norm_cfg=norm_cfg,
            **kwargs)


@MODELS.register_module()
class SGPBackbone(DynEBackbone):
    """TriDet's encoder: a :class:`DynEBackbone` of :class:`SGPLayer`.

    Args: Those of :class:`DynEBackbone` without ``layer``, and
        downsample (str): How the branch layers halve the grid, see
            :class:`SGPLayer`. Defaults to ``'max'``.

    Reference:
        Shi et al., TriDet, CVPR 2023.
    """

    def __init__(self, *args, downsample: str = 'max', **kwargs) -> None:
        super().__init__(
            *args,
            layer=dict(type='dyfadet_mm.SGPLayer', downsample=downsample),
            **kwargs)
