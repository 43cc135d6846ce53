import cv2
import pytest

from mmdet_ps.apis import init_model
from mmdet_ps.apis.footage import find_footage
from mmdet_ps.apis.footage_search import FootageSearch, index_into
from mmdet_ps.apis.gallery_store import load_gallery
from mmdet_ps.apis.search_session import PersonFinder, SearchSession

from ..videos import write_frames
from . import colour_model
from .colour_model import scene

RED, GREEN = (0, 0, 250), (0, 250, 0)
LEFT, RIGHT = (10, 10, 40, 90), (100, 10, 130, 90)


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / 'colour.py'
    path.write_text(colour_model.CONFIG)
    return path


@pytest.fixture
def model(config_file):
    return init_model(config_file)


@pytest.fixture
def place(tmp_path, model):
    """A folder with the index of a video and of a picture."""
    images = [scene([(*LEFT, RED), (*RIGHT, GREEN)])] * 11
    write_frames(tmp_path / 'film.avi', images, 10)
    cv2.imwrite(str(tmp_path / 'red.png'), scene([(*RIGHT, RED)]))
    footage = find_footage(tmp_path)
    index_into(tmp_path / 'index.npz', model, footage)
    return tmp_path


@pytest.fixture
def session(place, model):
    search = FootageSearch.over(load_gallery(place / 'index.npz'))
    finder = PersonFinder(model, search, place / 'index.npz')
    return SearchSession(finder, place / 'kept')
