"""The workflow of the README, on drawn data where it says the real goes."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .test_docs_blocks import blocks_of, commands_of

ROOT = Path(__file__).parents[1]
FINE_TUNED = 'roi-alignps_r50_1xb5-24e_pretrain-hybrid_prw'
# The search sets and the six sources of the pre-training.
SETS = (
    *('PRW', 'CUHK-SYSU', 'CrowdHuman', 'ECP', 'CityPersons'),
    *('Market-1501-v15.09.15', 'MSMT17_V1', 'cuhk03_release'),
)
# What a test has no time for: steps, large pictures, regions, processes.
SIZE = '(192,128)'
TRAIN = 'train_dataloader.dataset'
TRAINING = (
    *('train_dataloader.batch_size=2', 'train_dataloader.num_workers=0'),
    *('val_cfg=None', 'val_dataloader=None', 'val_evaluator=None'),
)
TEST = (
    'test_dataloader.num_workers=0',
    'model.test_cfg.max_per_img=5',
    f'test_dataloader.dataset.pipeline.1.scale={SIZE}',
)
OPTIONS = {
    'run_train.sh': (
        *TRAINING,
        *('train_cfg.max_iters=2', 'default_hooks.checkpoint.interval=2'),
        'train_dataloader.sampler.batch_size=2',
        *(
            f'{TRAIN}.datasets.{k}.pipeline.2.transforms.0.scales=[{SIZE}]'
            for k in range(3)
        ),
        *(f'{TRAIN}.datasets.{k}.tile_size=(64,32)' for k in range(3, 6)),
        # Fewer persons are drawn than there are, of CUHK03 three.
        f'{TRAIN}.datasets.5.grid=(1,2)',
        *(f'{TRAIN}.num_identities=15', 'model.num_identities=15'),
        'model.detector.train_cfg.rcnn.sampler.num=8',
        # Weights of ImageNet would be downloaded.
        'model.detector.backbone.init_cfg=None',
        'model.detector.roi_head.shared_head.init_cfg=None',
    ),
    'run_train_alignps.sh': (
        *TRAINING,
        *('train_cfg.max_epochs=1', f'{TRAIN}.indices=4'),
        f'{TRAIN}.pipeline.2.scales=[{SIZE}]',
        'model.train_cfg.rcnn.sampler.num=8',
    ),
    'run_test_roi_prw.sh': TEST,
    'run_test_roi.sh': TEST,
}


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """A folder that looks like the repository, without data and results."""
    folder = tmp_path_factory.mktemp('checkout')
    for name in ('configs', 'mmdet_ps', 'lab', 'tools'):
        (folder / name).symlink_to(ROOT / name)
    for path in ROOT.glob('run_t*.sh'):
        shutil.copy(path, folder)
    yield folder
    # Checkpoints of a whole ResNet-50.
    shutil.rmtree(folder / 'work_dirs', ignore_errors=True)


def run(checkout, *words):
    """A command that has to succeed, its steps made few; its output."""
    options = OPTIONS.get(words[1])
    if options:
        words = (*words, '--cfg-options', *options)
    done = subprocess.run(
        words,
        cwd=checkout,
        env={
            **{k: v for k, v in os.environ.items() if k != 'DATA_ROOT'},
            'PYTHON': sys.executable,
            'PYTHONPATH': str(checkout),
            'OMP_NUM_THREADS': '1',
            'PATH': f'{Path(sys.executable).parent}{os.pathsep}'
            f'{os.environ["PATH"]}',
        },
        capture_output=True,
        text=True,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, f'{words[:3]}: {printed[-4000:]}'
    return printed


def commands_of_the_readme():
    """From the preparation of data to the score of ROI-AlignPS on PRW."""
    commands = [
        words
        for block in blocks_of(ROOT / 'README.md')
        if block.language == 'sh'
        for words in commands_of(block)
    ]
    first = commands.index(['python', 'tools/prepare_data.py', 'all', 'data'])
    last = next(
        k
        for k, words in enumerate(commands)
        if words[1] == 'run_test_roi_prw.sh'
    )
    return [c for c in commands[first : last + 1] if '--check' not in c]


@pytest.mark.slow
def test_the_scripts_go_from_native_files_to_scores(checkout):
    run(
        checkout,
        *('python', 'tools/make_synthetic.py', 'data', '--size', 'tiny'),
        *('--workers', '1', '--sets', *SETS),
    )
    printed = {}
    for words in commands_of_the_readme():
        printed[words[1]] = run(checkout, *words)
    assert 'loss' in printed['run_train.sh']
    # Everything but the persons of the pre-training arrives.
    loaded = re.search(
        r'weights for ROIAlignPS: (\d+) loaded, (\d+) missing',
        printed['run_train_alignps.sh'],
    )
    assert int(loaded[1]) > 200 and int(loaded[2]) < 10
    work_dir = checkout / 'work_dirs' / FINE_TUNED
    rows = json.loads((work_dir / 'scores_prw.json').read_text())
    assert {row['branch'] for row in rows} == {'dense', 'roi', 'concat'}
    assert 'standard' in printed['run_test_roi_prw.sh']

    # CUHK-SYSU by the configuration that the script has by itself, and by
    # the weights of the other dataset.
    run(checkout, 'sh', 'run_test_roi.sh', work_dir / 'epoch_1.pth')
    (scores,) = checkout.glob('work_dirs/*/scores_cuhk-sysu.json')
    assert scores.parent.name == 'roi-alignps_r50_1xb5-24e_cuhk-sysu'
    assert json.loads(scores.read_text())[0]['num_queries'] > 0
