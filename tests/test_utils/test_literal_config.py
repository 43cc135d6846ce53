"""A configuration of somebody else is read and never run."""

import pytest

from mmdet_ps.utils.configuration import read_config
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.literal_config import read_literal_config


def test_plain_values_are_read_as_python_reads_them():
    text = (
        '"""Of a model."""\n'
        "model = dict(type='A', sizes=[(1, -2), (3., 4)], part=None)\n"
        "keys = dict({'.bias': dict(rate=0.0)}, other={1: True})\n"
    )
    expected = {}
    exec(text, expected)
    del expected['__builtins__'], expected['__doc__']
    read = read_literal_config(text, 'c.py')
    assert read._cfg_dict.to_dict() == expected
    assert read.model.sizes[0] == (1, -2)


def test_a_whole_configuration_is_read_from_what_is_dumped():
    cfg = read_config('nae_r18-c4_1xb4-300_prw')
    read = read_literal_config(cfg.pretty_text, 'c.py')
    assert read._cfg_dict.to_dict() == cfg._cfg_dict.to_dict()


@pytest.mark.parametrize(
    'line',
    [
        'import os',
        "value = __import__('os')",
        "value = dict(a=open('x'))",
        "value = dict(**dict(a=1))",
        'value = dict([1])',
        'a.b = 1',
        'a, b = 1, 2',
        'value = [x for x in (1,)]',
        'print(1)',
        "value = f'{1}'",
        'value = {**{}}',
    ],
)  # fmt: skip
def test_a_line_that_does_more_is_refused(line):
    with pytest.raises(UserError, match='c.py: line 2 is more than a plain'):
        read_literal_config(f'first = 1\n{line}\n', 'c.py')


def test_what_is_no_python_is_refused():
    with pytest.raises(UserError, match=r'is no configuration \(line 2\)'):
        read_literal_config('a = 1\nb = = 2\n', 'c.py')


@pytest.mark.parametrize(
    'line',
    [
        "model = dict(type='os.system', command='true')",
        "model = dict(parts=[dict(type='mmdet.apis.inference')])",
        'model = dict(type=1)',
        "model = dict(type='A', _scope_='package')",
        "default_scope = 'package'",
    ],
)
def test_a_part_of_elsewhere_is_refused(line):
    with pytest.raises(UserError, match='c.py: '):
        read_literal_config(line, 'c.py')
