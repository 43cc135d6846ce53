"""Pictures of the RoIs, or the locations, that a model trains on."""

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor

from mmdet_ps.models.forward_capture import sampled_rois
from mmdet_ps.structures.fields import SECOND_VIEW, UNLABELLED
from mmdet_ps.visualization.drawing import BLUE, GREEN, RED, draw_boxes


def colour_of(person_id: int) -> tuple[int, int, int]:
    """Green with identity, blue without, red for background."""
    if person_id >= 0:
        return GREEN
    return BLUE if person_id == UNLABELLED else RED


@HOOKS.register_module()
class ProposalVisualizationHook(Hook):
    """Draws sampled RoIs above, annotated persons below.

    The picture goes to every backend of the visualizer, TensorBoard among
    them, under the name ``train/proposals``; hybrid pre-training has one for
    each of its branches (``train/proposals_det``, ``train/proposals_reid``).
    RoI heads show the RoIs of their last step, AlignPS the cells of its map
    that were trained on persons.

    Args:
        interval: steps between two pictures.
        max_images: images of the batch in a picture.
    """

    priority = 'LOW'

    def __init__(self, interval: int = 500, max_images: int = 4) -> None:
        self.interval = interval
        self.max_images = max_images
        self._batch = None

    def before_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Keep the batch: preprocessing leaves it untouched."""
        if self.every_n_train_iters(runner, self.interval):
            self._batch = data_batch

    def after_train_iter(
        self,
        runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Draw, where the model has kept RoIs."""
        if self._batch is None:
            return
        batch, self._batch = self._batch, None
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        sampled = sampled_rois(model)
        if sampled is None:
            return
        pictures = {'': (batch, sampled)}
        if isinstance(sampled, dict):
            pictures = {
                f'_{branch}': (images_of_branch(batch, branch), rois)
                for branch, rois in sampled.items()
            }
        for suffix, (images, rois) in pictures.items():
            runner.visualizer.add_image(
                f'train/proposals{suffix}',
                self.picture(images, *rois),
                step=runner.iter + 1,
            )

    def picture(
        self,
        batch: dict,
        rois: Tensor,
        person_ids: Tensor,
    ) -> np.ndarray:
        """An RGB picture (H, W, 3) of a batch and its RoIs.

        Args:
            batch: ``inputs``, (3, H, W) uint8 BGR images, and
                ``data_samples``.
            rois: (N, 5), the number of the image in the batch, then xyxy in
                pixels.
            person_ids: (N,) identities, -1 for a person without one and
                less for background.
        """
        columns = []
        for number, (image, sample) in enumerate(
            zip(batch['inputs'], batch['data_samples'])
        ):
            if number == self.max_images:
                break
            image = image.flip(0).permute(1, 2, 0).cpu().numpy()
            own = rois[:, 0] == number
            gt = sample.gt_instances
            boxes = getattr(gt.bboxes, 'tensor', gt.bboxes)
            rows = [
                draw_persons(image, rois[own, 1:], person_ids[own]),
                draw_persons(image, boxes, gt.person_ids),
            ]
            columns.append(np.concatenate(rows))
        height = max(column.shape[0] for column in columns)
        return np.concatenate(
            [
                np.pad(c, ((0, height - c.shape[0]), (0, 0), (0, 0)))
                for c in columns
            ],
            axis=1,
        )


def images_of_branch(batch: dict, branch: str) -> dict:
    """The images of a branch, in the order in which the model gets them.

    Args:
        batch: ``inputs`` and ``data_samples``, each by branch, with None
            where an image is of another branch.
        branch: its second views, if any, come behind the first ones.
    """
    return {
        key: [
            value
            for name in (branch, branch + SECOND_VIEW)
            for value in values.get(name) or ()
            if value is not None
        ]
        for key, values in batch.items()
    }


def draw_persons(
    image: np.ndarray, boxes: Tensor, person_ids: Tensor
) -> np.ndarray:
    """An RGB image (H, W, 3) with boxes (N, 4), background ones first."""
    order = torch.argsort(person_ids)
    ids = person_ids[order].tolist()
    return draw_boxes(
        image,
        boxes[order].detach().cpu().numpy(),
        [str(i) if i >= 0 else '' for i in ids],
        [colour_of(i) for i in ids],
        min_side=image.shape[1],
        text_px=10,
    )
