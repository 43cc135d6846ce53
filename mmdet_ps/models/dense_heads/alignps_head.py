"""FCOS whose feature map is also the map of person embeddings."""

import torch
import torch.nn.functional as F
from mmcv.cnn import Scale
from mmdet.models.dense_heads import FCOSHead
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmengine.dist import get_world_size
from mmengine.structures import InstanceData
from torch import Tensor

from mmdet_ps.models.layers import subtract_spatial_mean
from mmdet_ps.models.losses.distributed import mean_over_ranks
from mmdet_ps.models.losses.identity_loss import REID_KEYS, PersonRows
from mmdet_ps.utils.errors import UserError

from .location_predictions import best_locations, detections_of_image
from .location_targets import (
    Grid,
    assign_to_boxes,
    distances_to_sides,
    flatten_levels,
    image_of_each,
    inside_any_box,
)


@MODELS.register_module()
class AlignPSHead(FCOSHead):
    """Anchor-free detection and re-identification on one feature map.

    Yan et al., "Anchor-Free Person Search" (CVPR 2021). There is no layer for
    re-identification: the finest map, its spatial mean subtracted, is the
    input of the detection towers and, at the locations of persons, their
    embedding.

    Args:
        num_classes (int): classes of the detector.
        in_channels (int): channels of the maps, hence of the embeddings.
        loss_reid (dict): an identity loss.
        loss_reid_triplet (dict, optional): a ``MemoryTripletLoss``, which also
            needs the memory of ``loss_reid``.
        centering (str, optional): subtract the mean over the ``'padded'`` map
            (as published: it depends on what an image is batched with) or over
            the ``'image'`` alone; None for not at all.
        cls_divisor (str): normalise the classification loss by the number of
            ``'positives+images'`` (as published) or of ``'positives'``.
        use_ignored (bool): leave background locations inside the ignored
            instances out of the classification loss.
        **kwargs: of :class:`mmdet.models.FCOSHead`.

    Raises:
        UserError: a ``centering`` or ``cls_divisor`` that does not exist.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_reid: dict,
        loss_reid_triplet: dict | None = None,
        centering: str | None = 'padded',
        cls_divisor: str = 'positives+images',
        use_ignored: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        if centering not in ('padded', 'image', None):
            raise UserError(
                f"centering is {centering!r}: choose 'padded', 'image' or None"
            )
        if cls_divisor not in ('positives+images', 'positives'):
            raise UserError(
                f"cls_divisor is {cls_divisor!r}: choose 'positives+images' "
                "or 'positives'"
            )
        self.centering = centering
        self.cls_divisor = cls_divisor
        self.use_ignored = use_ignored
        self.loss_reid = MODELS.build(loss_reid)
        # Where the last step was trained on persons: the grid, and of each
        # place its image, its location and its person id.
        self._trained: tuple[Grid, Tensor, Tensor, Tensor] | None = None
        self.loss_reid_triplet = (
            MODELS.build(loss_reid_triplet) if loss_reid_triplet else None
        )

    @property
    def reid_keys(self) -> tuple[str, ...]:
        """Which of its losses and accuracies are of re-identification."""
        return (*REID_KEYS, 'loss_reid_triplet')

    def forward(
        self, x: tuple[Tensor, ...], img_shapes: list | None = None
    ) -> tuple[list[Tensor], ...]:
        """Class logits (B, 1, H, W), side distances (B, 4, H, W), centerness
        logits (B, 1, H, W) and embeddings (B, D, H, W) of each level.

        Args:
            x (tuple[Tensor]): (B, C, H, W) maps, the finest first.
            img_shapes (list, optional): Heights and widths of the images
                without padding, for ``centering='image'``.
        """
        x = (self.centred(x[0], img_shapes), *x[1:])
        return *super().forward(x), list(x)

    def centred(self, finest: Tensor, img_shapes: list | None) -> Tensor:
        """The finest map (B, C, H, W) without its spatial mean, if it is to
        be subtracted; see :meth:`forward`."""
        if self.centering is None:
            return finest
        sizes = img_shapes if self.centering == 'image' else None
        return subtract_spatial_mean(finest, self.strides[0], sizes)

    def embeddings_at_centres(
        self, x: tuple[Tensor, ...], batch_data_samples: SampleList
    ) -> Tensor:
        """Embeddings of the finest map at the centres of annotated boxes.

        Args:
            x (tuple[Tensor]): maps (B, C, H, W), the finest first.
            batch_data_samples (list): B samples with ``gt_instances.bboxes``
                (N, 4) in pixels of the network's input.

        Returns:
            Tensor: (sum of N, C) float, of any length.
        """
        shapes = [sample.img_shape for sample in batch_data_samples]
        finest = self.centred(x[0], shapes)
        boxes = [sample.gt_instances.bboxes for sample in batch_data_samples]
        image = image_of_each(list(map(len, boxes)), finest.device)
        boxes = torch.cat(boxes)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        columns, rows = (centres / self.strides[0]).long().unbind(dim=1)
        rows = rows.clamp(min=0, max=finest.shape[2] - 1)
        columns = columns.clamp(min=0, max=finest.shape[3] - 1)
        return finest[image, :, rows, columns]

    def forward_single(
        self, x: Tensor, scale: Scale, stride: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Class logits (B, 1, H, W), side distances (B, 4, H, W) in pixels
        and centerness logits (B, 1, H, W) of one map (B, C, H, W).

        The distances are scaled in single precision: half a number cannot
        tell pixels apart.
        """

        def scale_sides(sides: Tensor) -> Tensor:
            return scale(sides.float())

        return super().forward_single(x, scale_sides, stride)

    def loss(
        self, x: tuple[Tensor, ...], batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of (B, C, H, W) maps."""
        return self.loss_and_rows(x, batch_data_samples)[0]

    def loss_and_rows(
        self, x: tuple[Tensor, ...], batch_data_samples: SampleList
    ) -> tuple[dict[str, Tensor], PersonRows]:
        """Losses, and one row with a unit embedding per location that is
        trained on a person."""
        gt, ignored, metas = unpack_gt_instances(batch_data_samples)
        outs = self(x, [meta['img_shape'] for meta in metas])
        return self.loss_by_feat(*outs, gt, ignored)

    def loss_by_feat(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        centernesses: list[Tensor],
        embedding_maps: list[Tensor],
        batch_gt_instances: list[InstanceData],
        batch_gt_instances_ignore: list[InstanceData | None],
    ) -> tuple[dict[str, Tensor], PersonRows]:
        """See :meth:`loss_and_rows`; the maps are those of :meth:`forward`.

        Args:
            cls_scores, bbox_preds, centernesses, embedding_maps
                (list[Tensor]): of each level.
            batch_gt_instances (list): with ``bboxes`` (n, 4) xyxy, pixels of
                the input, ``labels`` (n,) and ``person_ids`` (n,).
            batch_gt_instances_ignore (list): with ``bboxes``, or None.
        """
        grid = self._grid(cls_scores)
        boxes = torch.cat([gt.bboxes for gt in batch_gt_instances])
        labels = torch.cat([gt.labels for gt in batch_gt_instances])
        person_ids = torch.cat([gt.person_ids for gt in batch_gt_instances])
        # Boxes of all images are numbered in a row; len(boxes) is none.
        assigned = self._assign(boxes, batch_gt_instances, grid)
        positive = assigned < len(boxes)
        image, location = positive.nonzero(as_tuple=True)
        box = assigned[image, location]

        losses = self._detection_losses(
            [
                flatten_levels(maps)
                for maps in (cls_scores, bbox_preds, centernesses)
            ],
            grid,
            (image, location, boxes[box], labels[box]),
            self._counted(positive, batch_gt_instances_ignore, grid),
        )
        counts = box.new_tensor(list(map(len, batch_gt_instances)))
        # From the number among all boxes to that within the image.
        first_boxes = counts.cumsum(0) - counts
        rows = PersonRows(
            self._embeddings(embedding_maps, image, location),
            person_ids[box],
            image,
            box - first_boxes[image],
        )
        self._trained = grid, image, location, rows.person_ids
        if self.loss_reid_triplet is not None:
            # Before the memory takes in this batch.
            losses['loss_reid_triplet'] = self.loss_reid_triplet(
                rows.embeddings,
                rows.person_ids,
                self.loss_reid.memory.lookup_table,
            )
        losses['loss_reid'] = self.loss_reid(*rows)
        if self.loss_reid.accuracy is not None:
            losses['acc_reid'] = self.loss_reid.accuracy
        return losses, rows

    @property
    def sampled_rois(self) -> tuple[Tensor, Tensor] | None:
        """The cells (N, 5) that were trained on persons in the last step,
        with their image, and the person ids (N,)."""
        if self._trained is None:
            return None
        grid, image, location, person_ids = self._trained
        half = grid.strides_of_points(image.device)[location, None] / 2
        points = grid.points(image.device)[location]
        cells = [image[:, None], points - half, points + half]
        return torch.cat(cells, dim=1), person_ids

    def _detection_losses(
        self,
        outputs: list[Tensor],
        grid: Grid,
        positives: tuple[Tensor, Tensor, Tensor, Tensor],
        counted: Tensor | None,
    ) -> dict[str, Tensor]:
        """FCOS losses of flattened (B, P, ...) outputs.

        Args:
            positives: Image and location (N,) of the positives, their boxes
                (N, 4) and labels (N,).
            counted (Tensor, optional): (B, P) weights of the classification.
        """
        cls_scores, bbox_preds, centernesses = outputs
        image, location, boxes, labels = positives
        device = boxes.device
        # mmdet counts the background as the class after the last one.
        targets = labels.new_full(cls_scores.shape[:2], self.num_classes)
        targets[image, location] = labels

        sides = distances_to_sides(grid.points(device)[location], boxes)
        # The towers predict distances in strides, of any level alike.
        if self.norm_on_bbox:
            sides = sides / grid.strides_of_points(device)[location, None]
        side_preds = bbox_preds[image, location]
        centerness_targets = self.centerness_target(sides)

        num_positives = image.new_tensor(len(image))
        divisor = num_positives
        if self.cls_divisor == 'positives+images':
            divisor = num_positives + len(cls_scores)
        at_least_one = 1 / get_world_size()
        # GIoU does not depend on where a box lies: decode around zero.
        origin = torch.zeros_like(sides[:, :2])
        return dict(
            loss_cls=self.loss_cls(
                cls_scores.flatten(0, 1),
                targets.flatten(),
                weight=None if counted is None else counted.flatten(),
                avg_factor=mean_over_ranks(divisor).clamp(min=at_least_one),
            ),
            loss_bbox=self.loss_bbox(
                self.bbox_coder.decode(origin, side_preds),
                self.bbox_coder.decode(origin, sides),
                weight=centerness_targets,
                avg_factor=mean_over_ranks(centerness_targets.sum()).clamp(
                    min=1e-6
                ),
            ),
            loss_centerness=self.loss_centerness(
                centernesses[image, location].squeeze(1),
                centerness_targets,
                avg_factor=mean_over_ranks(num_positives).clamp(
                    min=at_least_one
                ),
            ),
        )

    def _embeddings(
        self, maps: list[Tensor], image: Tensor, location: Tensor
    ) -> Tensor:
        """Unit embeddings (N, D) at locations of the batch."""
        # Levels that no box is assigned to need not be looked at.
        ranges = self.regress_ranges[: len(maps)]
        used = max(i for i, limits in enumerate(ranges) if limits[1] >= 0)
        flat = torch.cat([m.flatten(2) for m in maps[: used + 1]], dim=2)
        return F.normalize(flat[image, :, location].float())

    def _grid(self, maps: list[Tensor]) -> Grid:
        return Grid([m.shape[-2:] for m in maps], self.strides)

    def _assign(
        self, boxes: Tensor, batch_gt: list[InstanceData], grid: Grid
    ) -> Tensor:
        """Index (B, P) of the box of each location; see assign_to_boxes."""
        return assign_to_boxes(
            boxes,
            image_of_each(list(map(len, batch_gt)), boxes.device),
            grid,
            len(batch_gt),
            self.regress_ranges,
            self.center_sample_radius if self.center_sampling else None,
        )

    def _counted(
        self,
        positive: Tensor,
        batch_ignored: list[InstanceData | None],
        grid: Grid,
    ) -> Tensor | None:
        """Weights (B, P) of the classification, None if all count."""
        counts = [0 if i is None else len(i) for i in batch_ignored]
        if not self.use_ignored or not any(counts):
            return None
        inside = inside_any_box(
            torch.cat([i.bboxes for i in batch_ignored if i is not None]),
            image_of_each(counts, positive.device),
            grid,
            len(positive),
        )
        return (positive | ~inside).float()

    def predict(
        self,
        x: tuple[Tensor, ...],
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Detections with unit ``embeddings`` of each image."""
        metas = [sample.metainfo for sample in batch_data_samples]
        outs = self(x, [meta['img_shape'] for meta in metas])
        return self.predict_by_feat(*outs, metas, rescale)

    def predict_by_feat(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        centernesses: list[Tensor],
        embedding_maps: list[Tensor],
        batch_img_metas: list[dict],
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Detections from the maps of :meth:`forward` in evaluation mode."""
        points = self._grid(cls_scores).points(cls_scores[0].device)
        candidates = best_locations(
            flatten_levels(cls_scores).float(),
            flatten_levels(centernesses).float(),
            self.test_cfg.get('nms_pre', -1),
        )
        sides = flatten_levels(bbox_preds)
        embeddings = torch.cat([m.flatten(2) for m in embedding_maps], dim=2)
        return [
            detections_of_image(
                candidates.of_image(i),
                points,
                sides[i],
                embeddings[i],
                meta,
                self.test_cfg,
                rescale,
            )
            for i, meta in enumerate(batch_img_metas)
        ]
