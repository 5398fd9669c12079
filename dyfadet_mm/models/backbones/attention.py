from typing import Sequence, Union

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType
from .pyramid_encoder import PyramidEncoder, per_level


@MODELS.register_module()
class LocalAttentionBackbone(PyramidEncoder):
    """ActionFormer's encoder: a pyramid of :class:`LocalAttentionLayer`.

    Args:
        in_channels (int | Sequence[int]): Channels of the video features, see
            :class:`PyramidEncoder`.
        num_heads (int): Heads of the attention. Defaults to 4.
        window (int | Sequence[int]): Cells that a cell attends to, in all
            layers, or in the stem and then in each layer of the branch; 1 or
            less for all cells. Defaults to 19.
        use_rel_pe (bool): Whether to learn a bias per head and distance.
            Defaults to False.
        drop_path_rate (float): Stochastic depth of all layers. Defaults to
            0.1.
        dropout (float): Dropout in all layers. Defaults to 0.
        arch (Sequence[int]): Number of embedding convolutions, of stem
            layers, of branch layers. Defaults to (2, 2, 5).
        norm_cfg (dict): Arguments of all norms, such as ``eps``. Defaults to
            an empty dict.
        kwargs: Further arguments of :class:`PyramidEncoder`.

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
            norm_cfg=norm_cfg,
            **kwargs)
