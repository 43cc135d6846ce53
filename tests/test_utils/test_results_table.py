import pytest

from mmdet_ps.utils.results_table import (
    percent,
    published_table,
    replace_block,
    starts_table,
)


def cells(table):
    """Body of a markdown table as lists of texts."""
    rows = table.splitlines()[2:]
    return [[c.strip() for c in row.strip('|').split('|')] for row in rows]


def test_percent_gives_mean_and_sample_deviation():
    assert percent([0.516]) == '51.6'
    assert percent([0.50, 0.52]) == '51.0 ± 1.4'
    assert percent([]) == '–'


def test_starts_are_averaged_over_seeds_and_compared_with_scratch():
    rows = [
        dict(method='oim', target='prw', start=start, seed=seed, mAP=m, top1=t)
        for start, seed, m, t in (
            ('pretrained', 0, 0.40, 0.8),
            ('pretrained', 1, 0.50, 0.9),
            ('scratch', 0, 0.30, 0.7),
            ('scratch', 1, 0.30, 0.7),
        )
    ]
    assert cells(starts_table(rows)) == [
        ['oim', 'prw', 'scratch', '2', '30.0 ± 0.0', '70.0 ± 0.0', '–'],
        ['oim', 'prw', 'pretrained', '2', '45.0 ± 7.1', '85.0 ± 7.1', '+15.0'],
    ]


def test_a_start_without_scratch_has_no_gain():
    row = dict(method='a', target='b', start='pretrained', mAP=0.5, top1=0.5)
    assert cells(starts_table([row]))[0][-1] == '–'


def test_published_and_reproduced_stand_side_by_side():
    models = [
        dict(
            Name='oim_prw',
            Results=[
                dict(
                    Dataset='PRW',
                    Metrics={'mAP': 36.0, 'top-1': 76.7},
                    Source='README',
                )
            ],
        ),
        dict(Name='oim_new', Results=[dict(Dataset='PRW', Metrics={})]),
    ]
    rows = [dict(config='oim_prw', mAP=0.361, top1=0.77, commit='abcdef01234')]
    first, second = cells(published_table(models, rows))
    assert first[1:] == [
        'PRW', '36.0', '76.7', '36.1', '77.0', 'abcdef012', 'README',
    ]  # fmt: skip
    assert second[1:] == ['PRW', '–', '–', '–', '–', '–', '–']


def test_a_block_is_replaced_and_the_rest_kept():
    text = 'a\n<!-- t:begin -->\nold\n<!-- t:end -->\nb\n'
    new = replace_block(text, 't', 'new')
    assert new == 'a\n<!-- t:begin -->\nnew\n<!-- t:end -->\nb\n'
    assert replace_block(new, 't', 'new') == new
    for broken in ('a', text + text, text.replace('end', 'END')):
        with pytest.raises(ValueError, match='are needed, once'):
            replace_block(broken, 't', 'new')
