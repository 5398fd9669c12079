from mmaction.models.losses import BMNLoss
from torch import Tensor

from dyfadet_mm.registry import MODELS


@MODELS.register_module()
class StableBMNLoss(BMNLoss):
    """MMAction2's loss of BMN, finite where it would divide by zero.

    The regression loss is an average over proposals that are drawn in the
    number of those with tIoU above 0.7. A batch without any, because its
    actions are shorter than a cell, has 0 / 0 there; this one has 0.
    """

    @staticmethod
    def pem_reg_loss(pred_score: Tensor,
                     gt_iou_map: Tensor,
                     mask: Tensor,
                     high_temporal_iou_threshold: float = 0.7,
                     **kwargs: float) -> Tensor:
        """Regression loss of the proposal evaluation.

        Args:
            pred_score (Tensor): Predicted tIoU, (B, T, T).
            gt_iou_map (Tensor): Best tIoU with an action, (B, T, T).
            mask (Tensor): 1 on the proposals that end in the video, (T, T).
            high_temporal_iou_threshold (float): Defaults to 0.7.
            kwargs: Other arguments of ``BMNLoss.pem_reg_loss``.

        Returns:
            Tensor: Loss, ().
        """
        if not (gt_iou_map > high_temporal_iou_threshold).any():
            return 0. * pred_score.sum()
        return BMNLoss.pem_reg_loss(pred_score, gt_iou_map, mask,
                                    high_temporal_iou_threshold, **kwargs)
