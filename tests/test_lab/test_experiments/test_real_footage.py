import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lab.experiments.real_footage import (
    FootageTable,
    footage_runs,
    link_sequence,
    link_sequences,
)
from mmdet_ps.apis import detect, init_model
from mmdet_ps.utils.configuration import read_config
from mmdet_ps.utils.errors import UserError

ROOT = Path(__file__).parents[3]


def options(**changes):
    defaults = dict(sequence=Path('MOT/STREET'), work_dir=Path('/w'),
                    seeds=[0, 1], starts=['scratch', 'pretrained'],
                    methods=['nae'], iters=300, pretrain_iters=200,
                    scale=[768, 576])  # fmt: skip
    return SimpleNamespace(**{**defaults, **changes})


def check_needs(runs):
    names = [run.name for run in runs]
    for index, run in enumerate(runs):
        assert all(names.index(need) < index for need in run.needs)


def test_every_row_has_its_run_and_its_needs_come_first():
    runs = footage_runs(options())
    names = [run.name for run in runs]
    assert names == [
        'prepare',
        'STREET_nae_scratch_0', 'pretrain_nae_0', 'STREET_nae_pretrained_0',
        'STREET_nae_scratch_1', 'pretrain_nae_1', 'STREET_nae_pretrained_1',
    ]  # fmt: skip
    check_needs(runs)
    assert 'train_share=0.6' in runs[0].commands[0]
    last = ' '.join(runs[-1].commands[0])
    assert '--load-from /w/pretrain_nae_1/pretrained_all.pth' in last
    assert 'scale=(768,576)' in last and '--seed 1' in last
    assert runs[-1].environment['DATA_ROOT'] == '/w/data'
    assert '--load-from' not in runs[1].commands[0]


def test_scenes_of_other_videos_join_the_pretraining():
    starts = ['pretrained with scenes']
    runs = footage_runs(options(starts=starts, seeds=[0]))
    assert [run.name for run in runs] == [
        'prepare', 'prepare_scenes', 'pretrain_nae_0_five-sources',
        'STREET_nae_pretrained-with-scenes_0',
    ]  # fmt: skip
    check_needs(runs)
    assert '/w/sources/MOT17' in runs[1].commands[0]
    assert 'train_share=1' in runs[1].commands[0]
    assert (ROOT / runs[2].commands[0][2]).is_file()
    assert runs[2].environment['DATA_ROOT'] == '/w/sources'
    assert runs[3].environment['DATA_ROOT'] == '/w/data'
    weights = '/w/pretrain_nae_0_five-sources/pretrained_all.pth'
    assert weights in runs[3].commands[0]
    assert runs[3].row['pretrain_steps'] == 200


def test_the_full_model_starts_at_random_alone():
    runs = footage_runs(options(methods=['nae-r50'], seeds=[0]))
    assert [run.name for run in runs] == [
        'prepare',
        'STREET_nae-r50_scratch_0',
    ]


@pytest.mark.parametrize('method', ['nae', 'nae-r50'])
def test_the_options_are_of_the_configuration(method):
    run = footage_runs(options(methods=[method], seeds=[0]))[1]
    command = run.commands[0]
    config = read_config(str(ROOT / command[2]))
    for option in command[command.index('--cfg-options') + 1 :]:
        *above, last = option.partition('=')[0].split('.')
        value = config
        for part in above:
            value = value[int(part) if part.isdigit() else part]
        # (a hook takes more settings than its configuration writes)
        assert last in value or 'checkpoint' in above, option


def test_the_full_network_fits_together():
    (_, run) = footage_runs(options(methods=['nae-r50'], seeds=[0]))
    command = run.commands[0]
    model = init_model(
        str(ROOT / command[2]),
        cfg_options={
            place: int(value)
            for place, _, value in (o.partition('=') for o in command)
            if place.startswith('model.')
        },
    )
    detect(model, np.zeros((64, 64, 3), np.uint8), resize=False)
    assert hasattr(model.backbone.layer1[0], 'conv3'), 'no bottlenecks'


def row(seed, score, start='scratch'):
    return dict(set='STREET', method='nae', start=start, seed=seed,
                steps=300, mAP=score, top1=score, detection_AP=score,
                commit='abc')  # fmt: skip


def test_rows_are_kept_replaced_and_averaged(tmp_path):
    table = FootageTable(tmp_path)
    table.add(row(0, 0.3, 'pretrained'))
    table.add(row(1, 0.4))
    table.add(row(0, 0.2))
    table = FootageTable(tmp_path)
    table.add(row(0, 0.2))
    rows = json.loads((tmp_path / 'real_footage.json').read_text())
    assert [r['mAP'] for r in rows] == [0.2, 0.4, 0.3]
    text = (tmp_path / 'real_footage.md').read_text()
    assert '| STREET | nae | scratch | – | 300 | 0, 1 | 30.0 ± 14.1' in text
    assert 'The first 60% of the video train' in text


def test_the_video_is_linked_and_must_have_labels(tmp_path):
    sequence = tmp_path / 'STREET'
    (sequence / 'gt').mkdir(parents=True)
    with pytest.raises(UserError, match=r'gt/gt\.txt is not there'):
        link_sequence(sequence, tmp_path / 'MOT17')
    (sequence / 'gt/gt.txt').write_text('1,1,0,0,9,9,1\n')
    for _ in range(2):
        link_sequence(sequence, tmp_path / 'MOT17')
    assert (tmp_path / 'MOT17/STREET/gt/gt.txt').is_file()


def test_runs_on_one_video_are_not_taken_for_runs_on_another(tmp_path):
    videos = [tmp_path / 'a', tmp_path / 'b', tmp_path / 'other/a']
    for video in videos:
        (video / 'gt').mkdir(parents=True)
        (video / 'gt/gt.txt').write_text('1,1,0,0,9,9,1\n')
    for _ in range(2):
        link_sequences(videos[:1], tmp_path / 'MOT17')
    for others in (videos[1:2], videos[:2], videos[2:]):
        with pytest.raises(UserError, match='earlier call with a: choose an'):
            link_sequences(others, tmp_path / 'MOT17')
