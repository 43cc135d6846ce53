"""MATLAB files of a version that is not read."""

import pytest

from mmdet_ps.datasets.native.errors import NativeDataError
from mmdet_ps.datasets.native.matlab import load_variable, variable_names
from mmdet_ps.datasets.native.prepare import prepare
from mmdet_ps.datasets.native.registry import find_form

from .. import native_trees as trees

# Its first 128 bytes; an HDF5 file follows.
VERSION_73 = b'MATLAB 7.3 MAT-file, Platform: GLNXA64'.ljust(124) + b'\0\2IM'


@pytest.mark.parametrize(
    'read', [variable_names, lambda path: load_variable(path, 'Train')]
)
def test_version_73_is_named_with_what_to_type(read, tmp_path):
    path = tmp_path / 'Train.mat'
    path.write_bytes(VERSION_73 + b'\x89HDF\r\n\x1a\n' + bytes(400))
    with pytest.raises(NativeDataError, match='version 7.3') as error:
        read(path)
    text = str(error.value)
    assert "x = load('Train.mat'); save('Train.mat'" in text
    assert "'-v7'" in text and 'fetch it again' not in text


def test_in_a_dataset_it_is_said_like_that(tmp_path):
    root = trees.prw(tmp_path / 'PRW')
    path = root / 'frame_test.mat'
    path.write_bytes(VERSION_73 + bytes(400))
    with pytest.raises(NativeDataError, match='frame_test.mat.*version 7.3'):
        prepare(find_form('prw'), root)
