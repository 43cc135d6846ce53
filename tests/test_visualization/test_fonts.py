"""Captions in any letters can be told apart."""

import numpy as np
import pytest

from mmdet_ps.visualization import fonts
from mmdet_ps.visualization.drawing import put_text, text_size

CHINESE, CYRILLIC = '人群', 'Привет'


@pytest.fixture(autouse=True)
def no_memory():
    """Nothing is remembered between tests."""
    for part in (fonts.font_files, fonts.font_file_with):
        part.cache_clear()
    yield
    for part in (fonts.font_files, fonts.font_file_with):
        part.cache_clear()


def picture(text):
    """The text on white, cut to its width."""
    image = np.full((40, text_size(text, 20)[0] + 8, 3), 255, np.uint8)
    return put_text(image, text, (0, 0), 20)


def test_letters_of_pillows_font_stay_with_it():
    font, text = fonts.font_and_text('c1s3_000151 #7 · 0.87', 14)
    assert font is fonts.own_font(14) and text == 'c1s3_000151 #7 · 0.87'


def test_a_font_that_has_the_letters_is_found(monkeypatch):
    font, text = fonts.font_and_text(CYRILLIC, 20)
    assert text == CYRILLIC
    assert fonts.has_letters(font, text)
    assert (picture('Пр') != picture('рП')).any(), 'boxes would be equal'


def test_without_such_a_font_letters_are_spelled(monkeypatch):
    monkeypatch.setattr(fonts, 'font_files', lambda: ())
    fonts.font_file_with.cache_clear()
    assert fonts.font_and_text(CHINESE, 14)[1] == r'\u4eba\u7fa4'
    assert fonts.font_and_text('ễ1', 14)[1] in ('e1', 'ễ1')
    assert picture(CHINESE[:1]).shape == picture(r'\u4eba').shape
    assert (picture('人a') != 255).any()


def test_chinese_is_drawn_or_spelled_and_never_a_box():
    font, text = fonts.font_and_text(CHINESE, 20)
    assert fonts.has_letters(font, text)
    one, other = picture('人'), picture('群')
    assert one.shape != other.shape or (one != other).any()


def test_a_font_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv('MMDET_PS_FONT', str(tmp_path / 'none.ttf'))
    assert fonts.font_files()[0] == str(tmp_path / 'none.ttf')
    # One that is not there or is no font is passed over.
    assert fonts.font_and_text(CYRILLIC, 14)[1] == CYRILLIC
