"""The page as a visitor sees it: a server of its own, and a real browser."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import cv2
import pytest
import torch

from mmdet_ps.apis import init_model
from mmdet_ps.apis.footage import find_footage
from mmdet_ps.apis.footage_search import index_into

from ..test_apis import colour_model
from ..test_apis.colour_model import scene
from ..videos import write_frames

ROOT = Path(__file__).parents[2]
RATE = 10
# name, colour (BGR), seen from, seen until (seconds), x at the start, y
CAST = [
    ('red', (0, 0, 250), 0.0, 5.9, 10, 10),
    ('green', (0, 250, 0), 1.0, 4.0, 60, 90),
    ('blue', (250, 0, 0), 2.4, 5.9, 240, 140),
]
LEFT, RIGHT = (20, 30, 50, 110), (120, 30, 150, 110)
WAIT = 60_000  # milliseconds, on a busy machine


def find_browser():
    """Chromium's path, or why there is no browser to test with."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return None, 'playwright is not installed'
    for name in ('chromium', 'chromium-browser', 'google-chrome'):
        if found := shutil.which(name):
            return found, ''
    return None, 'no Chromium is installed'


def has_page():
    try:
        import nicegui  # noqa: F401
    except ImportError:
        return False
    return True


BROWSER, MISSING = find_browser()
needs_nicegui = pytest.mark.skipif(
    not has_page(), reason='nicegui is not installed'
)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason=f'no browser: {MISSING}'
)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with a model, a video of three persons, and its index."""
    folder = tmp_path_factory.mktemp('page')
    config = folder / 'config.py'
    config.write_text(
        "custom_imports = dict(imports=['tests.test_apis.colour_model'])\n"
        + colour_model.CONFIG
    )
    model = init_model(config)
    torch.save(dict(state_dict=model.state_dict()), folder / 'model.pth')

    def images():
        for number in range(6 * RATE):
            t = number / RATE
            people = [
                (x + round(20 * t), y, x + round(20 * t) + 25, y + 60, colour)
                for _, colour, start, end, x, y in CAST
                if start <= t <= end
            ]
            yield scene(people, height=240, width=400)

    film = write_frames(folder / 'film.avi', images(), RATE)
    index_into(folder / 'index.npz', model, find_footage(film))
    two = scene([(*LEFT, (0, 0, 250)), (*RIGHT, (0, 250, 0))], 160, 200)
    cv2.imwrite(str(folder / 'two.png'), two)
    return folder


def start(place, *options, gallery=None):
    """The tool as a process."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith('PYTEST_')
    }
    environment['PYTHONPATH'] = str(ROOT)
    command = [sys.executable, ROOT / 'tools/search_page.py']
    command += [place / 'config.py', place / 'model.pth', gallery or place]
    return subprocess.Popen(
        [str(word) for word in [*command, *options]],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope='module')
def address(place):
    """The page's address, with a server behind it."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    process = start(place, '--port', port, '--out', place / 'kept')
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith('search on '):
                break
        assert printed[-1].startswith('search on '), ''.join(printed)
        yield printed[-1].split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def page(address):
    """The page in a browser, which reaches nothing but this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=['--no-sandbox']
        )
        page = browser.new_page(viewport=dict(width=1300, height=950))
        page.set_default_timeout(WAIT)
        asked = []
        page.on('request', lambda request: asked.append(request.url))
        page.goto(address)
        yield page
        elsewhere = [
            url
            for url in asked
            if not url.startswith((address, 'data:', 'blob:'))
        ]
        assert elsewhere == [], 'the page loads something from elsewhere'
        browser.close()


def shown(page):
    """The picture to choose a person in, once it is there."""
    picture = page.locator('.nicegui-interactive-image img, img').first
    page.get_by_text('persons found').wait_for()
    page.wait_for_function("document.querySelectorAll('svg rect').length > 0")
    return picture


def point(picture, page, x, y):
    """Where a pixel of the picture is on the page."""
    box = picture.bounding_box()
    width, height = page.evaluate(
        '(image) => [image.naturalWidth, image.naturalHeight]',
        picture.element_handle(),
    )
    return (
        box['x'] + x * box['width'] / width,
        box['y'] + y * box['height'] / height,
    )


def search(page):
    page.get_by_role('button', name='Search').click()
    page.get_by_text('found in').wait_for()
    return page.locator('[data-rank]')


def times(card):
    """Start and end of an answer, as its card says."""
    text = card.get_by_text('film').inner_text()
    return [
        60 * int(part.split(':')[0]) + float(part.split(':')[1])
        for part in text.split()[-1].split('-')
    ]


@pytest.mark.slow
@needs_nicegui
@needs_browser
def test_a_person_of_an_uploaded_picture_is_found(page, place):
    page.locator('input[type=file]').set_input_files(place / 'two.png')
    picture = shown(page)
    page.mouse.click(*point(picture, page, 135, 70))  # the green one
    cards = search(page)
    best = cards.first
    assert times(best) == pytest.approx([1, 4], abs=0.5)
    assert 'similarity 1.00' in best.inner_text()
    assert 'found in 1 of the 3' in page.content()
    # A judgement is the visitor's, and is what is kept.
    cards.nth(1).get_by_text('accept').click()
    page.get_by_text('found in 2 of the 3').wait_for()
    page.get_by_role('button', name='Export').click()
    page.get_by_text('Written:').wait_for()
    report = json.loads((place / 'kept/ranking.json').read_text())
    assert [a['accepted'] for a in report['answers']] == [True, True, False]
    assert report['answers'][0]['start'] == pytest.approx(1, abs=0.5)
    assert Path(report['query']['path']).name == 'two.png'
    assert (place / 'kept/ranking.jpg').is_file()


@pytest.mark.slow
@needs_nicegui
@needs_browser
def test_a_box_is_drawn_in_a_frame_of_the_footage(page, place):
    page.get_by_text('A frame of the footage').click()
    slider = page.get_by_role('slider').locator('[tabindex]')
    for number in range(1, 9):
        slider.press('ArrowRight')
        page.get_by_text(f'(frame {4 * number})').wait_for()
    page.get_by_text('0:03.2 (frame 32)').wait_for()
    page.get_by_text('3 persons found').wait_for()
    picture = shown(page)
    # Blue has walked from x = 240 to 304: drawn from corner to corner.
    page.mouse.move(*point(picture, page, 305, 141))
    page.mouse.down()
    page.mouse.move(*point(picture, page, 315, 170), steps=3)
    page.mouse.move(*point(picture, page, 328, 199), steps=3)
    page.mouse.up()
    best = search(page).first
    assert times(best) == pytest.approx([2.4, 5.9], abs=0.5)
    # The frame asked with is no answer to itself.
    assert '8 frames' in best.inner_text()


@needs_nicegui
@needs_browser
def test_what_is_no_picture_is_said_on_the_page(page, place):
    (place / 'note.png').write_bytes(b'no picture')
    page.locator('input[type=file]').set_input_files(place / 'note.png')
    page.get_by_text('note.png is not an image OpenCV can read').wait_for()
    assert page.get_by_role('button', name='Search').is_disabled()


@needs_nicegui
def test_the_page_answers_to_this_machine_s_name_alone(address):
    request = urllib.request.Request(address, headers={'Host': 'evil.test'})
    with pytest.raises(urllib.error.HTTPError, match='400'):
        urllib.request.urlopen(request, timeout=30)
    port = address.split(':')[-1]
    table = Path('/proc/net/tcp')
    if table.is_file():
        rows = [row.split()[1] for row in table.read_text().splitlines()[1:]]
        hosts = {row.split(':')[0] for row in rows
                 if int(row.split(':')[1], 16) == int(port)}  # fmt: skip
        assert hosts == {'0100007F'}, 'it listens to other machines'


@needs_nicegui
def test_the_address_is_printed_once_somebody_listens(capsys):
    from mmdet_ps.apis.search_page import announce

    async def run(port, listener):
        task = asyncio.create_task(announce(port))
        await asyncio.sleep(0.3)
        assert capsys.readouterr().out == ''
        listener.listen()
        await asyncio.wait_for(task, timeout=30)

    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
        asyncio.run(run(port, listener))
    assert capsys.readouterr().out == f'search on http://127.0.0.1:{port}\n'


@needs_nicegui
@pytest.mark.parametrize(
    ('gallery', 'options', 'message'),
    [
        ('nowhere', [], 'index footage first'),
        ('.', ['--score-thr', '0.5'], 'made with another model'),
    ],
)
def test_a_gallery_that_does_not_fit_is_one_line(
    place, gallery, options, message
):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    process = start(place, '--port', port, *options, gallery=place / gallery)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert printed.splitlines()[-1].startswith('error: ')
    assert message in printed.splitlines()[-1]
