"""One or two independently augmented views of a picture, for a branch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmdet.registry import TRANSFORMS

from mmdet_ps.structures.fields import SECOND_VIEW
from mmdet_ps.utils.errors import UserError


@TRANSFORMS.register_module()
class BranchViews(BaseTransform):
    """Augment a loaded picture and pack it for its branch, once or twice.

    Of two views the picture is decoded once; ``HybridDataPreprocessor`` joins
    the second views to the first ones. Each person keeps the number of its
    annotation through cropping and filtering, as
    ``gt_instances.annotation_indices`` (N,) int64, so that a model can match
    the persons of both views, and leave out those that one view lost.

    It ends the training pipelines of hybrid pre-training, in place of mmdet's
    ``MultiBranch``. All pipelines of a loader name the same ``branch_field``.

    Args:
        transforms: From the picture and its annotations to packed inputs.
            Those that drop boxes must filter ``gt_instances_ids`` as well
            (``FilterPersonAnnotations``, ``RandomCrop``).
        branch: The branch of the picture, ``'det'`` or ``'reid'``.
        branch_field: All branches of the loader.
        num_views: 1, or 2 for the two-view term of
            ``HybridPretrainDetector``.
    """

    def __init__(
        self,
        transforms: Sequence[dict | Callable],
        branch: str,
        branch_field: Sequence[str] = ('det', 'reid'),
        num_views: int = 1,
    ) -> None:
        if branch not in branch_field:
            raise UserError(
                f'branch is {branch!r}: choose one of {list(branch_field)}'
            )
        if num_views not in (1, 2):
            raise UserError(f'num_views is {num_views}: choose 1 or 2')
        self.transforms = Compose(list(transforms))
        self.branch = branch
        self.branch_field = list(branch_field)
        self.num_views = num_views

    def transform(self, results: dict) -> dict | None:
        """Make the views.

        Returns:
            dict: ``inputs`` and ``data_samples``, each a dict with the views
            under ``<branch>`` and ``<branch>_second_view``, and None under
            the names of the other branches. None in place of all, which
            makes the dataset draw again, where the transforms give up a view
            because nobody is left in it.
        """
        person_ids = np.asarray(results['gt_instances_ids'], np.int64)
        views = []
        for number in range(self.num_views):
            last = number == self.num_views - 1
            view = results if last else copy.deepcopy(results)
            # Every transform that drops persons drops their ids, so the
            # numbers travel in their place.
            view['gt_instances_ids'] = np.arange(len(person_ids))
            packed = self.transforms(view)
            if packed is None:
                return None
            _restore_ids(packed['data_samples'], person_ids)
            views.append(packed)
        names = [self.branch, self.branch + SECOND_VIEW][: self.num_views]
        fields = [
            field + suffix
            for suffix in ('', SECOND_VIEW)
            for field in self.branch_field
        ]
        return {
            key: {
                **dict.fromkeys(fields),
                **{name: view[key] for name, view in zip(names, views)},
            }
            for key in ('inputs', 'data_samples')
        }

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(branch={self.branch!r}, '
            f'num_views={self.num_views}, transforms={self.transforms})'
        )


def _restore_ids(data_sample, person_ids: np.ndarray) -> None:
    """Give persons their ids again, and keep the annotations' numbers.

    Args:
        data_sample (DetDataSample): whose ``person_ids`` are numbers of
            annotations; changed in place.
        person_ids: ids by the number of the annotation, (A,).
    """
    for instances in (data_sample.gt_instances, data_sample.ignored_instances):
        numbers = instances.person_ids
        instances.annotation_indices = numbers
        instances.person_ids = numbers.new_tensor(person_ids)[numbers]
