"""Every choice that published scoring scripts make differently."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace

EVALUATOR_VERSION = 'mmdet_ps-search 1.0'
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


@dataclass(frozen=True)
class SearchSettings:
    """How a search is scored; the defaults suit new work.

    Args:
        score_thr: Detections below this score leave the gallery.
        query_embedding: ``given-box``: the embedding of the annotated query
            box; ``matched-detection``: that of the detection that overlaps it
            most, whatever its score.
        duplicates: An image listed twice in one gallery counts as relevant
            twice; its detections are ranked once (``skip``) or twice
            (``each``).
        iou_rule: Overlap a hit needs: ``size-aware`` is
            min(0.5, w h / ((w + 10) (h + 10))).
        rounding: How fractional boxes become the ones compared with.
        count_relevant: Relevant is a gallery ``entry`` or each ``box``.
        missing_query: A query image without detection scores ``zero`` or the
            query is left out (``skip``); matched detections only.
        confidence_weighted: Multiply similarities by detection scores.
        cbgm: (k1, k2) of context bipartite graph matching.
        cbgm_form: Replace the similarity by the strongest edge of the
            matching (``max``, SeqNet) or average it with it (``mean``, PSTR).
        k_reciprocal: (k1, k2, weight of the original similarity).
        gt_boxes: Annotated boxes take the place of the detections.
        ties: Order of equal similarities: ``stable`` keeps gallery order,
            ``numpy`` reproduces ``argsort(...)[::-1]`` of the scripts.
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
    ties: str = 'stable'

    def __post_init__(self) -> None:
        for key, allowed in CHOICES.items():
            if getattr(self, key) not in allowed:
                raise ValueError(
                    f'{key}={getattr(self, key)!r} is none of '
                    f'{", ".join(allowed)}'
                )
        if self.cbgm and self.k_reciprocal:
            raise ValueError('cbgm and k_reciprocal exclude each other')
        for key in ('cbgm', 'k_reciprocal'):
            value = getattr(self, key)
            if value is not None:
                object.__setattr__(self, key, tuple(value))

    def with_options(self, **options) -> SearchSettings:
        """These settings with every option that is not None put in."""
        known = {item.name for item in fields(self)}
        unknown = sorted(set(options) - known)
        if unknown:
            raise ValueError(
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
        """Every setting by name, plain values."""
        return asdict(self)


# Each entry: what the project's script does, then what it does differently
# per dataset, and in its script with graph matching. Where nothing is said of
# PoseTrack21, the values of PRW hold.
PRESETS = {
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
    """The settings of a named script, or ours for ``None``.

    Args:
        name: Out of ``PRESETS``.
        dataset: Thresholds differ between datasets.
        cbgm: Take the project's script with graph matching, where it has one
            of its own.
    """
    if name is None:
        return SearchSettings()
    if name not in PRESETS:
        raise ValueError(f'no preset {name!r}; there are {", ".join(PRESETS)}')
    entry = PRESETS[name]
    special = entry['per_dataset']
    options = {
        **entry['common'],
        **special.get(dataset, special.get('prw', {})),
    }
    if cbgm:
        options.update(entry.get('with_cbgm', {}))
    return SearchSettings(**options)
