import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from .dyne_layer import DynELayer
from .masked_conv import PointwiseConv1d


@MODELS.register_module()
class SGPLayer(DynELayer):
    """Scalable-granularity perception layer of TriDet.

    A :class:`DynELayer` whose window branch is not rectified::

        out = fc(h) * phi(h) + (window(h) + wide(h)) * psi(h) + h

    Args:
        channels (int): C.
        downsample (str): How ``stride`` 2 halves the grid: ``'max'`` pools
            the largest of three cells, ``'avg'`` maps the mean of two by a
            convolution of one tap. Defaults to ``'max'``.
        kwargs: Further arguments of :class:`DynELayer`.

    Raises:
        ValueError: If ``downsample`` is unknown, or as :class:`DynELayer`.

    Reference:
        Shi et al., TriDet: Temporal Action Detection with Relative Boundary
        Modeling, CVPR 2023.
    """

    def __init__(self,
                 channels: int,
                 downsample: str = 'max',
                 **kwargs) -> None:
        super().__init__(channels, **kwargs)
        if downsample not in ('max', 'avg'):
            raise ValueError("downsample must be 'max' or 'avg', but got "
                             f'{downsample!r}')
        self.downsample = None
        if downsample == 'avg' and self.stride == 2:
            self.downsample = PointwiseConv1d(channels, channels)

    def init_weights(self) -> None:
        """As a :class:`DynELayer`; all biases start at zero."""
        if self.downsample is not None:
            nn.init.zeros_(self.downsample.bias)
        super().init_weights()

    def _halve(self, x: Tensor, cells: Cells) -> Tensor:
        if self.downsample is None:
            return super()._halve(x, cells)
        # a last cell without a partner is a mean of one
        mean = F.avg_pool1d(cells.clean(x), 2, ceil_mode=True)
        if cells.counted is not None:
            share = F.avg_pool1d(cells.counted.to(x), 2, ceil_mode=True)
            mean = mean / share.clamp(min=0.5)
        return cells.halved.clean(self.downsample(mean))

    def _window(self, h: Tensor) -> Tensor:
        return self.window(h) + self.wide(h)
