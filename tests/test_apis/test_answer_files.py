import pytest

from mmdet_ps.apis.answer_files import CHOICE, clip_name, is_answer


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        (CHOICE, True),
        ('ranking.jpg', True),
        (f'clips/{clip_name(3)}', True),
        (f'clips/{clip_name(100)}', True),
        ('clips/walk.mp4', False),
        ('clips/01.avi', False),
        ('01.mp4', False),
        ('person.jpg', False),
    ],
)
def test_files_of_an_answer_are_known_by_name_and_place(
    tmp_path, name, expected
):
    (tmp_path / 'ranking.json').touch()
    assert is_answer(tmp_path / name) == expected


def test_without_a_report_beside_them_they_are_the_user_s(tmp_path):
    for name in ('ranking.jpg', f'clips/{clip_name(1)}'):
        assert not is_answer(tmp_path / name)
