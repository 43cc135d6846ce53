"""SeqNet's two stages, and a filter of the gallery (SeqNeXt with GFN)."""

import zlib

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import InstanceList
from torch import Tensor

from mmdet_ps.structures.fields import SCENE

from .sequential_roi_head import SequentialRoIHead


@MODELS.register_module()
class FilteredRoIHead(SequentialRoIHead):
    """``SequentialRoIHead`` that also describes pictures as a whole.

    Jaffe and Zakhor, "Gallery Filter Network for Person Search" (WACV 2023).
    The loss of the filter is ``loss_scene``. In testing each sample gets the
    field ``scene``, by which the search tells whether a person is in its
    picture (``scene_scores`` and ``scene_threshold`` of the evaluator).

    Args:
        gallery_filter (dict): the filter; see ``GalleryFilter``.
        **kwargs: options of ``SequentialRoIHead``.
    """

    def __init__(self, gallery_filter: dict, **kwargs) -> None:
        super().__init__(**kwargs)
        self.gallery_filter = MODELS.build(gallery_filter)

    @property
    def reid_keys(self) -> tuple[str, ...]:
        """Which of its losses and accuracies are of re-identification."""
        return (*super().reid_keys, 'loss_scene')

    def loss(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of both stages and of the filter; as of the parent."""
        losses = super().loss(x, rpn_results_list, batch_data_samples)
        given = [sample.gt_instances for sample in batch_data_samples]
        ids = [persons.person_ids for persons in given]
        embeddings = self.annotated_embeddings(x, batch_data_samples)['roi']
        losses['loss_scene'] = self.gallery_filter.loss(
            x,
            embeddings,
            torch.cat(ids),
            torch.cat([torch.full_like(p, k) for k, p in enumerate(ids)]),
            torch.tensor(
                [picture_number(s) for s in batch_data_samples],
                device=embeddings.device,
            ),
        )
        return losses

    def describe_scenes(
        self, x: tuple[Tensor], batch_data_samples: SampleList
    ) -> None:
        """Write the field ``scene`` (2, D) of each sample."""
        rows = self.gallery_filter.scene_rows(self.gallery_filter(x))
        for sample, scene in zip(batch_data_samples, rows):
            sample.set_field(scene, SCENE, dtype=Tensor)


def picture_number(sample: DetDataSample) -> int:
    """A number that tells a picture from those of all sources.

    Each source counts its pictures from zero, or names them by texts. -1 for
    a picture without ``img_id``.
    """
    name = sample.get('img_id')
    if name is None:
        return -1
    return zlib.crc32(f'{sample.get("source")} {name}'.encode())
