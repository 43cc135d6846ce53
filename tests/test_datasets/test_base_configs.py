"""Every base config loads the set that it is named after."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

import mmdet_ps  # noqa: F401

init_default_scope('mmdet')
FOLDER = Path(__file__).parents[2] / 'configs/_base_/datasets'
# bases of the others
SHARED = {'person_search', 'reid_crops'}
CONFIGS = sorted(
    path.stem
    for path in FOLDER.glob('*.py')
    if not path.stem.startswith('pipelines')
)


@pytest.mark.parametrize('name', [n for n in CONFIGS if n not in SHARED])
def test_training_data_load(name, synthetic, monkeypatch):
    needed = dict(cuhk03='h5py', luperson='lmdb').get(name)
    if needed and not find_spec(needed):
        pytest.skip(f'{needed} is not installed')
    root = synthetic['PRW'].root.parent
    monkeypatch.setenv('DATA_ROOT', str(root))
    cfg = Config.fromfile(FOLDER / f'{name}.py')
    config = cfg.train_dataloader.dataset
    config.pop('num_identities', None)  # the number of the real sets
    for source in config.get('datasets', []):
        if source.type == 'CropMosaicDataset':  # tiny sets have few persons
            source.update(grid=(1, 2), num_instances=1)
    dataset = DATASETS.build(config)
    packed = dataset[0]
    assert packed['inputs'] is not None
    assert dataset.metainfo['classes'] == ('person',)
    if 'protocol_file' in cfg.get('val_evaluator', {}):
        assert Path(cfg.val_evaluator.protocol_file).is_file()
        tested = DATASETS.build(cfg.test_dataloader.dataset)
        assert 'person_ids' in tested[0]['data_samples'].gt_instances
