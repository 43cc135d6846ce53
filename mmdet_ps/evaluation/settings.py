"""How a search is scored: every choice that published scripts make.

``docs/evaluation.md`` says which script makes which choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

from mmdet_ps.utils.errors import UserError

EVALUATOR_VERSION = 'mmdet_ps-search 1.1'
CHOICES = {
    'query_embedding': ('given-box', 'matched-detection'),
    'duplicates': ('skip', 'each'),
    'iou_rule': ('size-aware', '0.5'),
    'rounding': ('none', 'seqnet', 'dps', 'gfn', 'alignps-json', 'seas'),
    'count_relevant': ('entry', 'box'),
    'missing_query': ('zero', 'skip'),
    'cbgm_form': ('max', 'mean'),
    'ties': ('stable', 'numpy'),
}


def _short(value: object) -> str:
    """What a value looks like, on one line."""
    return ' '.join(repr(value).split())[:80]


def _is_number(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    number: Any = value  # a Real has no comparisons to a type checker
    # Comparisons, because an int may be too large for a float.
    return -1e300 < number < 1e300


def _are_counts(values: tuple, number: int) -> bool:
    return len(values) == number and all(
        isinstance(value, Integral) and int(value) > 0 for value in values
    )


@dataclass(frozen=True)
class SearchSettings:
    """How a search is scored; the defaults suit new work.

    Args:
        score_thr (float): detections of a lower score leave the gallery.
        query_embedding (str): ``given-box``: a query is searched with the
            embedding of its annotated box; ``matched-detection``: with that
            of the detection that overlaps the box most, whatever its score.
        duplicates (str): an image that a gallery lists twice counts as
            relevant twice. Its detections are ranked once (``skip``) or twice
            (``each``).
        iou_rule (str): overlap that a hit needs. ``size-aware`` is
            min(0.5, w h / ((w + 10) (h + 10))) for a box of w x h pixels.
        rounding (str): how fractional boxes become the ones that detections
            are compared with; see ``search/rounding.py``.
        count_relevant (str): what there is to find: each gallery ``entry``
            with the person, or each ``box`` of the person in it.
        missing_query (str): a query whose image has no detection to match
            scores ``zero``, or is left out (``skip``).
        confidence_weighted (bool): similarities are multiplied by detection
            scores.
        cbgm (tuple): k1 and k2 of context bipartite graph matching; see
            ``search/graph_matching.py``. None leaves it out.
        cbgm_form (str): a matched similarity becomes the strongest edge of
            the matching (``max``), or the mean of both (``mean``).
        k_reciprocal (tuple): k1, k2 and the weight of the original distance;
            see ``search/k_reciprocal.py``. None leaves it out.
        gt_boxes (bool): annotated boxes take the place of the detections.
        scene_scores (bool): similarities are multiplied by the score that the
            query's person is in the image; see ``search/scene_filter.py``.
        scene_threshold (float): images of a lower such score leave the
            gallery of the query. None leaves all in.
        ties (str): which of equally similar detections come first:
            ``stable`` keeps the order of the gallery, ``numpy`` reproduces
            ``argsort(...)[::-1]`` of published scripts.

    Raises:
        UserError: A value is none of the possible ones, or two exclude each
            other.
    """

    score_thr: float = 0.5
    query_embedding: str = 'given-box'
    duplicates: str = 'skip'
    iou_rule: str = 'size-aware'
    rounding: str = 'seqnet'
    count_relevant: str = 'entry'
    missing_query: str = 'zero'
    confidence_weighted: bool = False
    cbgm: tuple[int, int] | None = None
    cbgm_form: str = 'max'
    k_reciprocal: tuple[int, int, float] | None = None
    gt_boxes: bool = False
    scene_scores: bool = False
    scene_threshold: float | None = None
    ties: str = 'stable'

    def __post_init__(self) -> None:
        for key, allowed in CHOICES.items():
            value = getattr(self, key)
            if not isinstance(value, str) or value not in allowed:
                raise UserError(
                    f'{key}={_short(value)} is none of {", ".join(allowed)}'
                )
        for key in ('cbgm', 'k_reciprocal'):
            if isinstance(value := getattr(self, key), list):
                object.__setattr__(self, key, tuple(value))
        for key, (holds, wanted) in self._values().items():
            if not holds:
                raise UserError(
                    f'{key}={_short(getattr(self, key))} is not {wanted}'
                )
        if self.cbgm and self.k_reciprocal:
            raise UserError(
                'cbgm and k_reciprocal exclude each other: leave one out'
            )

    def _values(self) -> dict[str, tuple[bool, str]]:
        """Name of a setting -> whether its value is one, and in words."""
        graph, nearest = self.cbgm, self.k_reciprocal
        switches = 'confidence_weighted', 'gt_boxes', 'scene_scores'
        return {
            'score_thr': (_is_number(self.score_thr), 'a number'),
            **{
                key: (isinstance(getattr(self, key), bool), 'True or False')
                for key in switches
            },
            'scene_threshold': (
                self.scene_threshold is None
                or _is_number(self.scene_threshold),
                'a number',
            ),
            'cbgm': (
                graph is None
                or isinstance(graph, tuple)
                and _are_counts(graph, 2),
                'two positive whole numbers',
            ),
            'k_reciprocal': (
                nearest is None
                or isinstance(nearest, tuple)
                and _are_counts(nearest[:-1], 2)
                and _is_number(nearest[-1]),
                'two positive whole numbers and a weight',
            ),
        }

    def with_options(self, **options) -> SearchSettings:
        """These settings with some of them changed.

        Args:
            **options: fields by name; None leaves a field as it is.

        Raises:
            UserError: There is no such field, or a value is impossible.
        """
        known = {item.name for item in fields(self)}
        unknown = sorted(set(options) - known)
        if unknown:
            raise UserError(
                f'no setting {unknown[0]!r}; there are '
                f'{", ".join(sorted(known))}'
            )
        return replace(
            self,
            **{
                key: value
                for key, value in options.items()
                if value is not None
            },
        )

    def describe(self) -> dict:
        """Every setting by name, as plain values."""
        return asdict(self)


# Thresholds for results that do not say how their run scored, as those of
# AlignPS: its scores are probability times centerness, so they are low.
DEFAULT_THRESHOLDS = {'cuhk-sysu': 0.2, 'prw': 0.15}
# Each entry: what the project's script does, then what it does differently
# per dataset, and in its script with graph matching. A dataset that neither
# this table nor the one above names takes the values of PRW.
PRESETS: dict[str, dict[str, Any]] = {
    'alignps': dict(
        common=dict(
            query_embedding='matched-detection',
            duplicates='each',
            ties='numpy',
        ),
        per_dataset={
            'cuhk-sysu': dict(score_thr=0.2),
            'prw': dict(score_thr=0.15),
        },
    ),
    'pstr': dict(
        common=dict(
            query_embedding='matched-detection',
            duplicates='each',
            cbgm_form='mean',
            ties='numpy',
        ),
        with_cbgm=dict(duplicates='skip'),
        per_dataset={
            'cuhk-sysu': dict(score_thr=0.25, missing_query='skip'),
            'prw': dict(score_thr=0.3),
        },
    ),
    'seqnet': dict(common=dict(ties='numpy'), per_dataset={}),
    'nae': dict(common=dict(duplicates='each', ties='numpy'), per_dataset={}),
    'dps': dict(
        common=dict(duplicates='each', rounding='dps', ties='numpy'),
        per_dataset={},
    ),
    'gfn': dict(common=dict(rounding='gfn'), per_dataset={}),
    'seas': dict(
        common=dict(
            duplicates='each',
            rounding='seas',
            iou_rule='0.5',
            count_relevant='box',
            score_thr=0.0,
        ),
        per_dataset={},
    ),
}


def preset_settings(
    name: str | None, dataset: str, cbgm: bool = False
) -> SearchSettings:
    """The settings that reproduce the script of a project.

    Args:
        name (str): one of ``PRESETS``; None for the defaults.
        dataset (str): thresholds differ between datasets.
        cbgm (bool): take the project's script with graph matching, where it
            has one of its own.

    Raises:
        UserError: There is no such preset.
    """
    if name is None:
        return SearchSettings()
    if name not in PRESETS:
        raise UserError(f'no preset {name!r}; there are {", ".join(PRESETS)}')
    entry = PRESETS[name]
    options = {
        **entry['common'],
        **_of_dataset(entry['per_dataset'], dataset),
    }
    if cbgm:
        options.update(entry.get('with_cbgm', {}))
    return SearchSettings(**options)


def _of_dataset(table: Mapping, dataset: str):
    """What a table says of a dataset, or of PRW if it lacks the dataset."""
    return table.get(dataset, table.get('prw', {}))


def resolve(
    header: Mapping,
    dataset: str,
    has_given_boxes: bool,
    preset: str | None = None,
    **options,
) -> SearchSettings:
    """How results are scored: the one answer of metric, tables and pictures.

    From the weakest to the strongest:

    1. the defaults of :class:`SearchSettings` where the run that wrote the
       results says how it scored, else those with the threshold of
       ``DEFAULT_THRESHOLDS``;
    2. the preset of the run, or the one that is asked for here;
    3. matched detections for the queries, where the results hold no
       embeddings of annotated boxes;
    4. the single settings of the run, unless a preset is asked for here;
    5. the options given here.

    Args:
        header (Mapping): what the run says: ``preset``, a name or None, and
            ``settings``, fields of SearchSettings. Empty for legacy files.
        dataset (str): ``cuhk-sysu``, ``prw``, ``posetrack21`` or another
            name.
        has_given_boxes (bool): whether the results hold embeddings of
            annotated boxes.
        preset (str): score as the script of that project.
        **options: fields of SearchSettings; None for what is not asked for.

    Raises:
        UserError: A preset or an option that does not exist, or values that
            contradict each other.
    """
    stored = {} if preset else dict(header.get('settings') or {})
    options = {k: value for k, value in options.items() if value is not None}
    # These exclude each other, and the later one is meant.
    for key, other in ('cbgm', 'k_reciprocal'), ('k_reciprocal', 'cbgm'):
        if options.get(key) is not None:
            stored.pop(other, None)
    options = {**stored, **options}
    name = preset or header.get('preset')
    settings = preset_settings(name, dataset, options.get('cbgm') is not None)
    if not (name or 'preset' in header or 'settings' in header):
        threshold = _of_dataset(DEFAULT_THRESHOLDS, dataset)
        settings = settings.with_options(score_thr=threshold)
    if not has_given_boxes:
        settings = settings.with_options(query_embedding='matched-detection')
    return settings.with_options(**options)
