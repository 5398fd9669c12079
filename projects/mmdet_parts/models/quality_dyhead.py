import torch

from dyfadet_mm.models import DyHead
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import offset_iou
from dyfadet_mm.utils.typing import InstanceList, LossDict, TensorTuple


@MODELS.register_module()
class QualityDyHead(DyHead):
    """Dynamic head whose scores say how well a segment fits.

    A positive point's classes aim at the tIoU of its predicted with its
    target segment instead of 1. Meant for ``mmdet.QualityFocalLoss``; any
    loss with soft targets does.

    Reference:
        Li et al., Generalized Focal Loss, NeurIPS 2020, Sec. 3.1.
    """

    def loss_by_feat(self, cls_logits: TensorTuple, offsets: TensorTuple,
                     masks: TensorTuple,
                     batch_gt_instances: InstanceList) -> LossDict:
        """Compute the losses; shapes as in :class:`BaseTADHead`.

        The tIoU is a target: no gradient goes through it.
        """
        targets = self.get_targets(masks, batch_gt_instances)
        positive = targets.positive
        divisor = self.loss_normalizer(positive.sum())
        pred = torch.cat(offsets, 2).detach().transpose(1, 2).float()
        iou = offset_iou(*(torch.where(positive[...,
                                                None], x, 1.).flatten(0, 1)
                           for x in (pred, targets.offsets)))
        soft = targets.labels * iou.view(*positive.shape, 1)
        loss_cls = self._classification_loss(cls_logits,
                                             targets._replace(labels=soft),
                                             divisor)
        losses, _ = self._regression_loss(targets, divisor, offsets)
        return self._balance(dict(loss_cls=loss_cls, **losses))
