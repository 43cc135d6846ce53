"""What a test run leaves on disk."""

from mmdet.registry import METRICS
from mmengine.config import ConfigDict

from mmdet_ps.evaluation.results_file import load_results


def test_a_header_out_of_a_config_is_stored_as_plain_containers(tmp_path):
    path = tmp_path / 'results.pkl'
    header = dict(preset='alignps', settings=dict(score_thr=0.3))
    # Built through a config, every dict in it is a class of mmengine's.
    metric = METRICS.build(
        ConfigDict(type='DumpSearchResults', out_file=str(path), header=header)
    )
    metric.evaluate(0)
    loaded = load_results(path).header
    assert loaded['settings'] == {'score_thr': 0.3}
    assert type(loaded['settings']) is dict
