"""The page as it answers a visitor, with NiceGUI's stand-in for a browser."""

import asyncio
import os
from pathlib import Path

import cv2
import pytest

pytest.importorskip('nicegui')
from nicegui import ui  # noqa: E402
from nicegui.testing.user_simulation import user_simulation  # noqa: E402

from mmdet_ps.apis.footage import find_footage  # noqa: E402
from mmdet_ps.apis.footage_search import (  # noqa: E402
    FootageSearch,
    index_into,
)
from mmdet_ps.apis.search_page import SearchPage  # noqa: E402
from mmdet_ps.apis.search_session import (  # noqa: E402
    PersonFinder,
    SearchSession,
)

from .colour_model import scene  # noqa: E402
from .conftest import RED, RIGHT  # noqa: E402


def visit(session, steps):
    """Open the page of a session and do ``steps(user, page)``."""
    pages = []

    async def run():
        async with user_simulation(
            lambda: pages.append(SearchPage(session))
        ) as user:
            await user.open('/')
            await steps(user, pages[-1])

    asyncio.run(run())


def pick(session, name):
    """Show a picture of the footage that holds one person."""
    files = session.finder.files()
    (path,) = (path for path in files if path.endswith(name))
    session.show_frame(files[path][0])


def test_files_are_told_apart_whatever_their_names_are(
    model, tmp_path, monkeypatch
):
    for place in ('front', 'back'):
        folder = tmp_path / 'cameras' / place
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / '0.png'), scene([(*RIGHT, RED)]))
        # Not UTF-8, as from a disk of an old Windows.
        os.rename(folder / '0.png', os.fsencode(folder) + b'/\xe9.png')
    monkeypatch.chdir(tmp_path)
    gallery = index_into(Path('index.npz'), model, find_footage('cameras'))
    finder = PersonFinder(
        model, FootageSearch.over(gallery), Path('index.npz')
    )

    async def steps(user, page):
        assert list(page.file.options.values()) == [
            f'back{os.sep}\\xe9.png',
            f'front{os.sep}\\xe9.png',
        ]
        await page._take_frame()
        await page._search()
        await user.should_see('1. \\xe9')

    visit(SearchSession(finder, tmp_path / 'kept'), steps)


class OutOfMemoryError(RuntimeError):
    """Stands in for PyTorch's."""


@pytest.mark.parametrize(
    ('error', 'said'),
    [
        (OutOfMemoryError('CUDA out of memory'), 'out of memory'),
        (RuntimeError('a defect'), 'a defect'),
    ],
)
def test_after_any_error_one_can_search_again(session, error, said):
    pick(session, 'red.png')
    embed = session.finder.embed

    def fail(*_):
        raise error

    async def steps(user, page):
        page.search.enable()
        session.finder.embed = fail
        user.find(kind=ui.button, content='Search').click()
        await user.should_see(said, retries=50)
        session.finder.embed = embed
        assert page.search.enabled
        user.find(kind=ui.button, content='Search').click()
        await user.should_see('found in', retries=50)

    visit(session, steps)
