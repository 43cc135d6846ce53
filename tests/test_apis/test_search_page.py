"""The page as it answers a visitor, with NiceGUI's stand-in for a browser."""

import asyncio

import pytest

pytest.importorskip('nicegui')
from nicegui import ui  # noqa: E402
from nicegui.testing.user_simulation import user_simulation  # noqa: E402

from mmdet_ps.apis.search_page import SearchPage  # noqa: E402


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
