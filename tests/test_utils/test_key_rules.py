import pytest

from mmdet_ps.utils.key_rules import rename_keys


def test_the_first_rule_that_fits_the_whole_key_counts():
    rules = [('a', None), (r'(\w)\.x', r'new.\1'), (r'.*', 'rest')]
    renamed, dropped = rename_keys({'a': 1, 'a.x': 2, 'c': 3}, rules)
    assert renamed == {'new.a': 2, 'rest': 3}
    assert dropped == ['a']


def test_unknown_and_colliding_keys_are_errors():
    with pytest.raises(KeyError, match='b'):
        rename_keys({'b': 1}, [('a', 'c')])
    with pytest.raises(KeyError, match='both become'):
        rename_keys({'a': 1, 'b': 2}, [('[ab]', 'c')])
