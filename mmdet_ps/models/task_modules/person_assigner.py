"""Assignment by overlap that takes ignored regions for what they are."""

from mmdet.models.task_modules.assigners import AssignResult, MaxIoUAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData

from .batched_assignment import lies_in


@TASK_UTILS.register_module()
class PersonAssigner(MaxIoUAssigner):
    """mmdet's assignment, without background inside ignored regions.

    Detection sets mark crowds and reflections as regions to ignore: what is
    found there is neither right nor wrong. Boxes that belong to a person stay
    that person's (mmdet's own option would drop them).

    Args:
        *args, **kwargs: of mmdet's ``MaxIoUAssigner``.
        ignore_iof_thr (float): a background box is not trained on if more than
            this share of it lies in one ignored region.
    """

    def __init__(self, *args, ignore_iof_thr: float = 0.5, **kwargs) -> None:
        super().__init__(*args, ignore_iof_thr=ignore_iof_thr, **kwargs)

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs,
    ) -> AssignResult:
        """Assign ``priors`` (N, 4) to ``bboxes`` (M, 4); see the class."""
        result = super().assign(pred_instances, gt_instances, **kwargs)
        if gt_instances_ignore is not None:
            spared = lies_in(
                pred_instances.priors,
                gt_instances_ignore.bboxes,
                self.ignore_iof_thr,
            )
            result.gt_inds[spared & (result.gt_inds == 0)] = -1
        return result
