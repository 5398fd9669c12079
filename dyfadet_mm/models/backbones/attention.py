from typing import Sequence, Union

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .pyramid_encoder import PyramidEncoder, per_level


@MODELS.register_module()
class LocalAttentionBackbone(PyramidEncoder):
    """ActionFormer's encoder: a pyramid of :class:`LocalAttentionLayer`.

    Args: Those of :class:`PyramidEncoder` without its layers, those of
        :class:`LocalAttentionLayer`, for all layers, and
        window (int | Sequence[int]): Of all layers, or of the stem and then
            of each layer of the branch. Defaults to 19.
        embed_norm_cfg (dict, optional): Of the embedding's norms. Defaults to
            None, ``norm_cfg``.

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
