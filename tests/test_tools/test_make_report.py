import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdet_ps.evaluation.results_file import save_results
from mmdet_ps.structures import SearchProtocol, save_protocols
from mmdet_ps.utils.errors import UserError

TOOLS = Path(__file__).parents[2] / 'tools/analysis_tools'
BOX = [10.0, 5.0, 30.0, 45.0]
PEOPLE = [0, 1, 0, 1, 0]  # who is in image i


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import make_report

    yield make_report
    for name in ('make_report', 'report_sections', 'run_description'):
        sys.modules.pop(name)


@pytest.fixture
def work_dir(tmp_path):
    """A run on five images: persons 0 and 1 in turn; one query of each."""
    write_data(tmp_path / 'data/PRW')
    rows = []
    for start, right in (('scratch', False), ('pretrained', True)):
        run = tmp_path / 'runs' / f'prw_{start}'
        write_results(run / 'results.pkl', tmp_path / 'data/PRW', right)
        write_log(run, [3.0, 2.0, 1.0])
        rows.append(
            dict(target='prw', method='roi-alignps', start=start, seed=0,
                 mAP=0.9 if right else 0.4, top1=0.5, commit='abc123')
        )  # fmt: skip
    write_log(tmp_path / 'pretrain', [9.0, 5.0])
    (tmp_path / 'metrics.json').write_text(json.dumps(rows))
    stages = {'pre-train': dict(label='pre-training', seconds=61.2)}
    (tmp_path / 'finished.json').write_text(json.dumps(stages))
    return tmp_path


def write_data(root):
    (root / 'prepared').mkdir(parents=True)
    images = []
    for i, person_id in enumerate(PEOPLE):
        cv2.imwrite(
            str(root / f'c{i}.png'), np.full((60, 80, 3), 40 * i, np.uint8)
        )
        instance = dict(
            bbox=BOX, bbox_label=0, ignore_flag=0, instance_id=person_id
        )
        images.append(
            dict(img_id=i, img_path=f'c{i}.png', height=60, width=80,
                 instances=[instance])
        )  # fmt: skip
    document = dict(metainfo=dict(dataset='prw'), data_list=images)
    for split in ('train', 'test'):
        path = root / 'prepared' / f'{split}.json'
        path.write_text(json.dumps(document))
    box = [10, 5, 20, 40]
    protocol = SearchProtocol(
        'standard', [f'c{i}.png' for i in range(5)], [0, 1], [0, 1],
        [box, box], [0, 2, 3], [2, 4, 3], [box] * 3, dataset='prw',
    )  # fmt: skip
    save_protocols(root / 'prepared/protocol.npz', [protocol])


def write_results(path, root, right):
    """Embeddings tell persons apart, or swap them in later images."""
    records = []
    for i, person_id in enumerate(PEOPLE):
        seen_as = person_id if right or i < 2 else 1 - person_id
        vector = np.eye(4, dtype=np.float32)[[seen_as]]
        box = np.array([BOX], np.float32)
        records.append(
            dict(img_id=i, img_path=str(root / f'c{i}.png'), bboxes=box,
                 scores=np.ones(1, np.float32), embeddings=vector,
                 gt_bboxes=box, gt_person_ids=np.array([person_id]),
                 gt_embeddings=np.eye(4, dtype=np.float32)[[person_id]])
        )  # fmt: skip
    save_results(path, records, dict(dataset='prw', version='1'))


def write_log(run, losses):
    path = run / '20260101_000000/vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    rows = [dict(loss=loss, step=10 * i) for i, loss in enumerate(losses)]
    path.write_text('\n'.join(map(json.dumps, rows)))


def test_the_page_holds_every_part_and_nothing_outside(tool, work_dir):
    tool.main([str(work_dir)])
    html = (work_dir / 'report.html').read_text()
    headings = re.findall(r'<h2>([^<]+)</h2>', html)
    assert headings == [
        'Results', 'Curves', 'Rankings: PRW', 'Failures', 'Detections',
        'Data', 'Settings',
    ]  # fmt: skip
    assert '>+50.0</td>' in html, 'gain of the pre-trained start'
    assert 'abc123' in html and '>61</td>' in html
    for source in re.findall(r'(?:src|href)="([^"]*)"', html):
        assert source.startswith(('data:image/jpeg;base64,', '#'))
    assert 'http' not in html and '@import' not in html and 'url(' not in html
    rankings = html.split('Rankings: PRW</h2>')[1].split('<section')[0]
    assert rankings.count('<img') == 4, 'two queries, two starts'
    # Swapped persons: everybody is confused; told apart: all right.
    assert re.search(r'from scratch</td>.*?>0.0<.*?>100.0<.*?>0.0<', html)


def test_each_curve_of_the_pre_training_is_in_one_chart(tool, work_dir):
    """The loss of two views is below zero, which no logarithm shows."""
    path = work_dir / 'pretrain/20260101_000000/vis_data/scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    logged = dict(
        det_loss_cls=0.5, reid_loss_reid=1.2, det_roi_two_view_loss=-0.8,
        det_roi_two_view_spread=0.7, det_image_backbone_domain_loss=0.1,
        det_image_backbone_domain_acc=0.9, loss=2.0,
    )  # fmt: skip
    rows = [dict(logged, step=10 * i) for i in (1, 2)]
    path.write_text('\n'.join(map(json.dumps, rows)))
    tool.main([str(work_dir)])
    html = (work_dir / 'report.html').read_text()
    charts = dict(
        re.findall(r'aria-label="Pre-training: ([^"]+)">(.*?)</svg>', html)
    )
    shown = {
        title: re.findall(r'text-anchor="start">([a-z][^<]*)<', chart)
        for title, chart in charts.items()
    }
    assert shown == {
        'losses of scenes': ['loss cls'],
        'losses of crops': ['loss reid'],
        'two views of a person': [
            *('det roi two view loss', 'det roi two view spread'),
        ],
        'source accuracy, scenes': ['image backbone'],
    }


def test_parts_without_material_are_left_out(tool, work_dir):
    for path in work_dir.rglob('*.pkl'):
        path.unlink()
    for path in work_dir.rglob('scalars.json'):
        path.unlink()
    tool.main([str(work_dir), '--out', str(work_dir / 'small.html')])
    html = (work_dir / 'small.html').read_text()
    headings = re.findall(r'<h2>([^<]+)</h2>', html)
    assert headings == ['Results', 'Data', 'Settings']


def test_a_folder_without_a_run_is_a_one_line_error(tool, tmp_path):
    with pytest.raises(UserError, match='metrics.json cannot be read') as e:
        tool.main([str(tmp_path)])
    assert '\n' not in str(e.value)


def test_a_set_that_cannot_be_drawn_is_named(tool, work_dir):
    path = work_dir / 'data/LUPerson/prepared/train.json'
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(dict(metainfo={}, crops=dict(paths='a.npy'))))
    tool.main([str(work_dir)])
    html = (work_dir / 'report.html').read_text()
    assert re.search(r'>LUPerson<.*\n?.*Not shown.*compact list of crop', html)


def test_a_third_start_has_its_row_and_no_place_among_the_pairs(
    tool, work_dir
):
    path = work_dir / 'metrics.json'
    rows = json.loads(path.read_text())
    rows.append(dict(rows[0], start='scratch-equal-compute', mAP=0.6))
    path.write_text(json.dumps(rows))
    tool.main([str(work_dir)])
    html = (work_dir / 'report.html').read_text()
    assert re.search(r'>from scratch, equal compute</td>.*>\+20.0</td>', html)
    rankings = html.split('Rankings: PRW</h2>')[1].split('<section')[0]
    assert rankings.count('<img') == 4, 'two queries, two starts'
