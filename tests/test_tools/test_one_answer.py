"""Metric, table and pictures score the same results in the same way."""

import json

import pytest

from mmdet_ps.apis.ranked_results import rank_results
from mmdet_ps.datasets.native.protocols import read_protocols
from mmdet_ps.evaluation.metrics import PersonSearchMetric
from mmdet_ps.evaluation.results_file import load_results
from mmdet_ps.structures import save_protocols

from .scoring_trees import (
    cuhk_sysu_tree,
    detections,
    dump,
    prw_tree,
    tool_caller,
    write,
)

TOOLS = {'prw': 'test_results_prw', 'cuhk-sysu': 'test_results'}


@pytest.fixture(params=TOOLS)
def prepared(request, tmp_path):
    """A native tree with protocols prepared: dataset, folder, protocol."""
    trees = {'prw': prw_tree, 'cuhk-sysu': cuhk_sysu_tree}
    root = trees[request.param](tmp_path)
    name = {'prw': 'standard', 'cuhk-sysu': 'gallery-100'}[request.param]
    (protocol,) = read_protocols(request.param, root, [name])
    (root / 'prepared').mkdir()
    save_protocols(root / 'prepared/protocol.npz', [protocol])
    images = [dict(img_path=name, instances=[]) for name in protocol.images]
    document = dict(metainfo={}, data_list=images)
    (root / 'prepared/test.json').write_text(json.dumps(document))
    return request.param, root, protocol


def table(monkeypatch, capsys, prepared, path, *options):
    """mAP as the scoring tool gives it."""
    dataset, root, protocol = prepared
    code, _, rows = tool_caller(monkeypatch, capsys)(
        TOOLS[dataset], path, '--data-root', root, *options,
        out=root / 'out.json',
    )  # fmt: skip
    assert code is None
    (row,) = [row for row in rows if row['protocol'] == protocol.name]
    return row['mAP']


def pictures(prepared, path):
    """mAP of the rankings that are drawn."""
    ranked = rank_results(path, prepared[1])
    return ranked.average_precisions[ranked.counted].mean()


def online(prepared, path, header):
    """mAP as the test loop reports it, of what the file holds."""
    metric = PersonSearchMetric(
        str(prepared[1] / 'prepared/protocol.npz'),
        preset=header['preset'],
        **header['settings'],
    )
    for record in load_results(path).records:
        given = {
            key.removeprefix('gt_'): value
            for key, value in record.items()
            if key[:3] == 'gt_'
        }
        metric.process(None, [
            dict(
                img_path=record['img_path'],
                pred_instances={key: record[key] for key in
                                ('bboxes', 'scores', 'embeddings')},
                gt_instances=given,
            )
        ])  # fmt: skip
    return metric.evaluate(len(prepared[2].images))['search/mAP']


@pytest.mark.parametrize(
    'header',
    [
        dict(preset=None, settings={}),
        dict(preset='alignps', settings={}),
        dict(preset='dps', settings=dict(score_thr=0.3)),
        dict(preset='pstr', settings=dict(cbgm=[30, 4])),
        dict(preset=None, settings=dict(confidence_weighted=True)),
    ],
)
@pytest.mark.parametrize('given', [True, False])
def test_a_run_is_scored_alike_everywhere(
    monkeypatch, capsys, tmp_path, prepared, header, given
):
    dataset, _, protocol = prepared
    path = dump(
        tmp_path / 'dump.pkl', protocol, 3, dict(header, dataset=dataset),
        given,
    )  # fmt: skip
    expected = online(prepared, path, header)
    assert 0 < expected < 1
    assert table(monkeypatch, capsys, prepared, path) == expected
    assert pictures(prepared, path) == pytest.approx(expected)


def test_a_legacy_file_is_scored_alike_everywhere(
    monkeypatch, capsys, tmp_path, prepared
):
    dataset, _, protocol = prepared
    path = write(tmp_path / 'r.pkl', detections(protocol, seed=2))
    threshold = {'prw': '0.15', 'cuhk-sysu': '0.2'}[dataset]
    expected = table(monkeypatch, capsys, prepared, path)
    assert pictures(prepared, path) == pytest.approx(expected)
    others = {
        value: table(monkeypatch, capsys, prepared, path, '--score-thr', value)
        for value in ('0.15', '0.2', '0.5')
    }
    assert others.pop(threshold) == expected
    assert expected not in others.values()
