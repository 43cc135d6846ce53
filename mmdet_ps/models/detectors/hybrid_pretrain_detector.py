"""Pre-trains any person-search detector from sub-task data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.models.utils import rename_loss_dict, reweight_loss_dict
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmengine.dist import all_gather_object, get_world_size
from torch import Tensor

from mmdet_ps.structures.fields import IGNORED, UNLABELLED
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.standing_in import standing_in

from ..forward_capture import (
    capture_forward,
    check_parts,
    identity_loss_names,
    sampled_rois,
)
from ..losses.identity_loss import REID_KEYS, with_sizes
from .near_start_term import NearStartTerm
from .two_view_term import TwoViewTerm
from .usable_boxes import (
    CheckedSamples,
    check_on_the_host,
    with_usable_boxes,
)

DETECTION, REID = BRANCHES = ('det', 'reid')


@MODELS.register_module()
class HybridPretrainDetector(BaseDetector):
    """A person-search detector learning from scenes and from crops.

    Scenes (branch ``det``) have boxes and no identities: the detector's loss
    in full, their persons feeding the memory of the unlabelled. Crops (branch
    ``reid``) are scenes with one box around one known person: only the losses
    that train their embeddings count, which the detector names as its
    ``reid_keys`` (``loss_reid`` and ``acc_reid`` if it names none). Both go
    through the ``loss`` of the wrapped detector, so any detector can be
    pre-trained.

    Args:
        detector (dict): config of the wrapped detector.
        num_identities (int, optional): identities of all re-ID sources
            together, set in every identity loss of the detector.
        queue_size (int, optional): likewise, the size of the queues for the
            unlabelled.
        alignment (dict, optional): config of an :class:`IntraTaskAlignment`.
        two_views (dict, optional): options of a :class:`TwoViewTerm`
            (``dict()`` for its defaults) that ties two views of a picture
            together. The pipelines of its branches need ``BranchViews`` with
            ``num_views=2``.
        near_start (dict, optional): options of a :class:`NearStartTerm`, which
            keeps the backbone's features near to those of its start in both
            branches. ``in_channels`` must be given.
        det_persons (str, optional): whether the persons of the scenes take
            part in the identity losses: ``'unlabelled'``, the default without
            two views, or ``'ignored'``, the default with them.
        loss_weights (dict, optional): weight of each branch, 1 where not
            given.
        split_sources (bool): give every source its own forward pass, so that
            the log shows the losses of each (``det_crowdhuman_loss_cls``).
            Each counts by its share of the branch's images, those of all
            processes. Batch
            normalisation then sees one source at a time.
        data_preprocessor (dict, optional): by default that of the detector,
            for each branch.
        init_cfg (dict, optional): initialisation of the whole.

    Raises:
        UserError: options that do not fit together, or samples without
            ``person_ids``.
    """

    def __init__(
        self,
        detector: dict,
        num_identities: int | None = None,
        queue_size: int | None = None,
        alignment: dict | None = None,
        two_views: dict | None = None,
        near_start: dict | None = None,
        det_persons: str | None = None,
        loss_weights: dict[str, float] | None = None,
        split_sources: bool = False,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if data_preprocessor is None:
            data_preprocessor = dict(
                type='HybridDataPreprocessor',
                data_preprocessor=detector['data_preprocessor'],
            )
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        check_on_the_host(
            # That of each branch, if branches have one of their own.
            getattr(
                self.data_preprocessor,
                'data_preprocessor',
                self.data_preprocessor,
            )
        )
        if det_persons is None:
            det_persons = 'unlabelled' if two_views is None else 'ignored'
        if det_persons not in ('unlabelled', 'ignored'):
            raise UserError(
                f"det_persons is {det_persons!r}: choose 'unlabelled' "
                "or 'ignored'"
            )
        self.det_persons = det_persons
        self.loss_weights = {DETECTION: 1.0, REID: 1.0, **(loss_weights or {})}
        self.split_sources = split_sources
        self._sampled: dict[str, list] = {}
        self.detector = MODELS.build(
            with_sizes(
                detector, num_identities=num_identities, queue_size=queue_size
            )
        )
        image = alignment.get('image') if alignment else None
        self.map_names = list(image or {})
        check_parts(self.detector, self.map_names)
        self.alignment = self.two_views = self.near_start = None
        if alignment is not None:
            # The detector starts from the weights it would have alone.
            with torch.random.fork_rng(devices=[]):
                self.alignment = MODELS.build(
                    {
                        **alignment,
                        'embedding_names': identity_loss_names(self.detector),
                    }
                )
        if two_views is not None:
            with torch.random.fork_rng(devices=[]):
                self.two_views = TwoViewTerm(
                    self.detector.embedding_dims, **two_views
                )
            parts = [
                'backbone',
                *(['neck'] if self.detector.with_neck else []),
            ]
            self.map_names = [*dict.fromkeys([*self.map_names, *parts])]
        if near_start is not None:
            self.near_start = NearStartTerm(
                self.detector.backbone, **near_start
            )
            self.map_names = [*dict.fromkeys([*self.map_names, 'backbone'])]

    def loss(
        self,
        batch_inputs: dict[str, Tensor],
        batch_data_samples: dict[str, SampleList],
    ) -> dict:
        """Losses of both branches; a branch may be missing.

        Args:
            batch_inputs (dict): images of each branch, (B, 3, H, W) float.
            batch_data_samples (dict): B samples of each branch, whose
                ``gt_instances`` carry ``person_ids`` (N,) int64 and whose
                metainfo says the ``source``.

        Returns:
            dict: the detector's losses and those of the terms around it, each
            key prefixed with its branch.
        """
        if self.near_start is not None:
            self.near_start.take(self.detector.backbone)
        losses = {}
        self._sampled = {branch: [] for branch in BRANCHES}
        for branch, sizes in self._sizes(batch_data_samples).items():
            rows = []
            own = self._sources(batch_data_samples.get(branch, []))
            for source, size in sizes.items():
                if source in own:
                    found, passed = self._pass_loss(
                        branch,
                        batch_inputs[branch],
                        batch_data_samples[branch],
                        own[source],
                    )
                    rows.append(passed)
                else:
                    found = self._stand_in_loss(
                        branch, batch_inputs, batch_data_samples
                    )
                weight = self.loss_weights[branch] * size / sum(sizes.values())
                losses.update(
                    rename_loss_dict(
                        f'{branch}_{source}_' if source else f'{branch}_',
                        reweight_loss_dict(found, weight),
                    )
                )
            if self.alignment is not None:
                losses.update(self.alignment(branch, rows))
        if get_world_size() > 1:
            # A rank may have used parameters that another has not.
            losses['loss_unused'] = 0.0 * sum(
                parameter.sum()
                for parameter in self.parameters()
                if parameter.requires_grad
            )
        return losses

    def _sources(self, data_samples: SampleList) -> dict[str, list[int]]:
        """The forward passes of a branch: indices of the samples of each
        source, or of all samples together, under an empty name."""
        found: dict[str, list[int]] = {}
        for index, sample in enumerate(data_samples):
            name = sample.source if self.split_sources else ''
            found.setdefault(name, []).append(index)
        return found

    def _sizes(
        self, batch_data_samples: dict[str, SampleList]
    ) -> dict[str, dict[str, int]]:
        """How many images the forward passes of each branch have on all ranks
        together, in the order that all ranks make them in."""
        own = {
            branch: {
                source: len(chosen)
                for source, chosen in self._sources(
                    batch_data_samples.get(branch, [])
                ).items()
            }
            for branch in BRANCHES
        }
        totals: dict[str, Counter] = {branch: Counter() for branch in BRANCHES}
        for sizes in all_gather_object(own):
            for branch, total in totals.items():
                total.update(sizes[branch])
        return totals

    def _stand_in_loss(
        self,
        branch: str,
        batch_inputs: dict[str, Tensor],
        batch_data_samples: dict[str, SampleList],
    ) -> dict:
        """What a rank adds to a forward pass that it has no images for.

        It makes the pass of the others on another image of its own, without
        persons, to exchange with them what they exchange. Losses that every
        rank computes from the rows of all count; those of its own image do
        not.
        """
        other = next(
            b for b in (branch, *BRANCHES) if batch_data_samples.get(b)
        )
        sample = batch_data_samples[other][0].new()
        sample.gt_instances = sample.gt_instances[:0]
        with (
            standing_in(),
            capture_forward(self.detector, self.map_names) as captured,
        ):
            found = self.detector.loss(batch_inputs[other][:1], [sample])
            shared = self._reid_losses(found)
            if (
                self.two_views is not None
                and branch in self.two_views.branches
            ):
                shared.update(
                    self.two_views(self.detector, captured.maps, [sample])
                )
        if branch == DETECTION:
            shared = {**reweight_loss_dict(dict(found), 0.0), **shared}
        return shared

    @property
    def sampled_rois(self) -> dict[str, tuple[Tensor, Tensor]]:
        """RoIs (N, 5) and person ids (N,) of each branch's images in the
        last step; see ``forward_capture.sampled_rois``."""
        found = {}
        for branch, passes in self._sampled.items():
            parts = []
            for chosen, sampled in passes:
                if sampled is None:
                    continue
                rois, person_ids = sampled
                # From the images of a pass to those of the branch.
                image = rois.new_tensor(chosen)[rois[:, 0].long()]
                parts.append(
                    (torch.cat([image[:, None], rois[:, 1:]], 1), person_ids)
                )
            if parts:
                found[branch] = tuple(map(torch.cat, zip(*parts)))
        return found

    def _pass_loss(
        self,
        branch: str,
        inputs: Tensor,
        data_samples: SampleList,
        chosen: list[int],
    ) -> tuple[dict, dict]:
        """The detector's losses of one forward pass, and the rows to align.

        Args:
            branch (str): ``det`` or ``reid``.
            inputs (Tensor): its images, (B, 3, H, W) float.
            data_samples (list): its B samples.
            chosen (list[int]): which of them are in the pass.
        """
        samples = self._with_branch_ids(
            branch, [data_samples[index] for index in chosen]
        )
        # Here and not in the detector alone: what follows its losses
        # counts the boxes that it trained on.
        if not isinstance(data_samples, CheckedSamples):
            samples = with_usable_boxes(samples)
        samples = CheckedSamples(samples)
        images = inputs[chosen] if self.split_sources else inputs
        with capture_forward(self.detector, self.map_names) as captured:
            found = self.detector.loss(images, samples)
        self._sampled[branch].append((chosen, sampled_rois(self.detector)))
        if branch == REID:
            found = self._reid_losses(found)
        if self.two_views is not None and branch in self.two_views.branches:
            found.update(self.two_views(self.detector, captured.maps, samples))
        if self.near_start is not None:
            found.update(self.near_start(images, captured.maps['backbone']))
        if self.alignment is None:
            return found, {}
        return found, self.alignment.rows(branch, captured, samples)

    def _reid_losses(self, losses: dict) -> dict:
        """Those of a detector's losses that train the embeddings."""
        keys = getattr(self.detector, 'reid_keys', REID_KEYS)
        found = {key: losses[key] for key in losses if key in keys}
        if not found:
            raise UserError(
                f'{type(self.detector).__name__} gives the losses '
                f'{sorted(losses)}, of which none trains the embeddings of '
                f'crops ({", ".join(keys)}): name those that do as its '
                'attribute reid_keys'
            )
        return found

    def _with_branch_ids(
        self, branch: str, data_samples: SampleList
    ) -> SampleList:
        """Copies of the samples with the ids the branch trains on."""
        copies = []
        for data_sample in data_samples:
            if 'person_ids' not in data_sample.gt_instances:
                raise UserError(
                    f'no person_ids in {data_sample.get("img_path")}: end '
                    f'the pipeline with PackPersonSearchInputs'
                )
            sample = data_sample.new()
            sample.gt_instances = instances = data_sample.gt_instances.new()
            if branch == DETECTION and self.det_persons == 'ignored':
                person_ids = instances.person_ids
                instances.person_ids = torch.where(
                    person_ids == UNLABELLED, IGNORED, person_ids
                )
            copies.append(sample)
        return copies

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> SampleList:
        """The wrapped detector's predictions on (B, 3, H, W) images."""
        return self.detector.predict(batch_inputs, batch_data_samples)

    def embed_boxes(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList,
        bboxes: Sequence[Tensor],
    ) -> list[Tensor]:
        """The wrapped detector's embeddings of given boxes."""
        return self.detector.embed_boxes(
            batch_inputs, batch_data_samples, bboxes
        )

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """The wrapped detector's feature maps of (B, 3, H, W) images."""
        return self.detector.extract_feat(batch_inputs)

    def _forward(
        self, batch_inputs: Tensor, batch_data_samples: SampleList = None
    ) -> tuple:
        return self.detector._forward(batch_inputs, batch_data_samples)
