"""A page in the browser to search footage on, built with NiceGUI.

All of it is served from this machine: nothing is loaded from elsewhere, and
nothing is sent there.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from nicegui import app, events, run, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from mmdet_ps.utils.command_line import is_out_of_memory, one_line
from mmdet_ps.utils.errors import UserError

from ..visualization.drawing import BLUE, GREEN, MUTED, crop_cell, scene_cell
from .exports import FORMS
from .frames import PICTURE_ERRORS, Frame, load_frame
from .open_search import Answer
from .search_report import caption_of, clock, verdict_of
from .search_session import Corners, PersonFinder, SearchSession

HOST = '127.0.0.1'
LARGEST_UPLOAD = 100 << 20  # bytes
SETTLED = 0.3  # seconds that a slider rests before its frame is read
EXPECTED = (UserError, OSError, MemoryError)  # a word to the visitor is enough
CELL_HEIGHT = 100  # of an answer's crop, pixels
MOUSE = ['mousedown', 'mousemove', 'mouseup']
HELP = (
    'Click on a framed person, or draw a box around one with the mouse held '
    'down.'
)


def serve_page(finder: PersonFinder, out: Path, port: int = 8080) -> None:
    """Serve the page to this machine until the process is ended.

    Args:
        finder (PersonFinder): Model and footage.
        out (Path): Folder that exports are written to.
        port (int): Of the address ``http://127.0.0.1:port``.

    Raises:
        UserError: If another program listens there.
    """
    require_free(port)
    # A page from elsewhere that gives its own name this machine's address
    # must not read what is shown here.
    app.add_middleware(
        TrustedHostMiddleware, allowed_hosts=[HOST, 'localhost']
    )
    app.on_startup(functools.partial(announce, port))
    ui.run(
        lambda: SearchPage(SearchSession(finder, out)),
        host=HOST,
        port=port,
        title='Person search',
        show=False,
        reload=False,
        show_welcome_message=False,
    )


async def announce(port: int) -> None:
    """Print the address once the page answers there.

    The server tells of its start before it listens, so whoever opens the
    address at that word may be refused.
    """
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            break
    writer.close()
    print(f'search on http://{HOST}:{port}', flush=True)


def require_free(port: int) -> None:
    """Raise a UserError if another program listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f'port {port} of {HOST} cannot be used ({error.strerror}): '
                'name another with --port'
            ) from None


class SearchPage:
    """The elements that one visitor sees.

    Args:
        session (SearchSession): What the visitor does.
    """

    def __init__(self, session: SearchSession) -> None:
        self.session = session
        self.files = session.finder.files()
        self._corner: tuple[float, float] | None = None  # while one draws
        gallery = session.finder.search.gallery
        with ui.header().classes('items-baseline bg-blue-grey-9'):
            ui.label('Person search').classes('text-h6')
            ui.label(
                f'{len(self.files)} files, {len(gallery.frames)} frames, '
                f'{len(gallery)} detections of persons in '
                f'{len(session.finder.search.tracks)} tracks'
            )
        with ui.row().classes('w-full no-wrap items-start'):
            with ui.column().classes('w-1/2'):
                self._build_query()
            with ui.column().classes('w-1/2'):
                self._build_answers()

    def _build_query(self) -> None:
        """Where a picture is taken from, and the person in it."""
        ui.label('1. Who is looked for?').classes('text-subtitle1')
        with ui.tabs().classes('w-full') as tabs:
            own = ui.tab('A picture of your own')
            footage = ui.tab('A frame of the footage')
        with ui.tab_panels(tabs, value=own).classes('w-full'):
            with ui.tab_panel(own):
                ui.upload(
                    label='Choose or drop a picture',
                    auto_upload=True,
                    max_files=None,
                    max_file_size=LARGEST_UPLOAD,
                    on_upload=self._take_upload,
                    on_rejected=lambda: complain('this file is too large'),
                ).props('accept="image/*" flat bordered').classes('w-full')
            with ui.tab_panel(footage):
                self._build_frames()
        self.hint = ui.label(HELP)
        self.picture = ui.interactive_image(
            on_mouse=self._draw, events=MOUSE, cross='#2462cc'
        ).classes('w-full')

    def _build_frames(self) -> None:
        """A file of the gallery, and which of its frames."""
        names = names_of(list(self.files))
        self.file = ui.select(
            names, value=next(iter(names)), label='File', with_input=True
        ).classes('w-full')
        self.when = ui.label()
        self.number = ui.slider(min=0, max=0, value=0)
        self.file.on_value_change(self._take_file)
        self.number.on_value_change(self._take_settled)
        self._set_range()
        ui.button('Show this frame', on_click=self._take_frame).props('flat')

    def _build_answers(self) -> None:
        """Search, answers and export."""
        ui.label('2. Where is this person?').classes('text-subtitle1')
        threshold = self.session.finder.threshold
        with ui.row().classes('items-center'):
            self.least = ui.number(
                'Threshold', value=round(threshold.value, 2), min=-1, max=1,
                step=0.01, format='%.2f',
            ).classes('w-24')  # fmt: skip
            self.most = ui.number(
                'Answers', value=10, min=1, max=200, precision=0
            ).classes('w-24')
            self.search = ui.button('Search', on_click=self._search)
            self.search.disable()
        ui.label(f'Threshold {threshold.origin}.').classes('text-caption')
        self.verdict = ui.label().classes('text-weight-medium')
        self.answers = ui.row().classes('w-full gap-2')
        ui.label('3. Keep the answers').classes('text-subtitle1')
        with ui.row().classes('items-center'):
            self.forms = ui.select(
                list(FORMS), label='Further forms', multiple=True, value=[]
            ).classes('w-40')
            ui.button('Export', on_click=self._export)
        self.written = ui.label().classes('text-caption whitespace-pre-line')

    async def _take_upload(self, event: events.UploadEventArguments) -> None:
        content = await event.file.read()
        session, name = self.session, event.file.name
        if await self._do(lambda: session.show_upload(name, content)):
            self._show_scene()
        event.sender.reset()  # type: ignore[attr-defined]

    async def _take_file(self) -> None:
        self.number.value = 0
        self._set_range()
        await self._take_frame()

    def _set_range(self) -> None:
        self.number.props(f'max={len(self.files[self.file.value]) - 1}')
        self._say_when()

    def _frame(self) -> Frame:
        return self.files[self.file.value][int(self.number.value)]

    def _say_when(self) -> None:
        frame = self._frame()
        when = 'a picture'
        if frame.index >= 0:
            when = f'{clock(frame.seconds)} (frame {frame.index})'
        self.when.text = when

    async def _take_settled(self) -> None:
        """Read the frame that a slider came to rest on."""
        self._say_when()
        frame = self._frame()
        await asyncio.sleep(SETTLED)
        if frame == self._frame():
            await self._take_frame()

    async def _take_frame(self) -> None:
        frame = self._frame()
        if await self._do(lambda: self.session.show_frame(frame)):
            self._show_scene()

    def _show_scene(self) -> None:
        scene = self.session.scene
        if scene is not None:
            self.picture.set_source(data_uri(scene.image))
            found = f'{len(scene.boxes)} persons found. '
            self.hint.text = found + HELP
        self._show_boxes()

    def _show_boxes(self, drawn: Corners | None = None) -> None:
        """The persons found, thin, and the chosen or drawn one, thick."""
        scene, chosen = self.session.scene, drawn or self.session.box
        if scene is None:
            return
        line = max(scene.image.shape[:2]) / 400
        shapes = [outline(box, '#ffd400', line) for box in scene.boxes]
        if chosen is not None:
            shapes.append(outline(chosen, hexadecimal(BLUE), 2 * line))
        self.picture.content = ''.join(shapes)
        self.search.set_enabled(self.session.box is not None)

    def _draw(self, event: events.MouseEventArguments) -> None:
        """A click chooses a framed person, a drag a box of one's own."""
        point = (event.image_x, event.image_y)
        if event.type == 'mousedown':
            self._corner = point
            return
        if self._corner is None:
            return
        if event.type == 'mousemove' and event.buttons & 1:
            (x1, x2), (y1, y2) = (sorted(p) for p in zip(self._corner, point))
            self._show_boxes((x1, y1, x2, y2))
            return
        # The button was let go, here or outside of the picture.
        corner, self._corner = self._corner, None
        if not self.session.choose_box(corner, point) and (
            not self.session.choose_at(*corner)
        ):
            complain('nobody is framed here: draw a box around the person')
        self._show_boxes()

    async def _search(self) -> None:
        self.search.disable()
        least, most = self.least.value, int(self.most.value or 10)
        try:
            if await self._do(lambda: self.session.find(least, most)):
                await self._show_answers()
        finally:
            self.search.set_enabled(self.session.box is not None)

    async def _show_answers(self) -> None:
        tiles = await run.io_bound(draw_answers, self.session.answers)
        self._show_verdict()
        self.answers.clear()
        with self.answers:
            for answer, tile in zip(self.session.answers, tiles or []):
                self._build_card(answer, tile)

    def _show_verdict(self) -> None:
        session = self.session
        if session.threshold is not None:
            self.verdict.text = verdict_of(session.answers, session.threshold)

    def _build_card(self, answer: Answer, tile: np.ndarray | None) -> None:
        card = (
            ui.card()
            .props(f'data-rank={answer.rank}')
            .classes('q-pa-sm gap-1')
        )
        with card.style(f'border: 3px solid {colour_of(answer.accepted)}'):
            if tile is None:
                ui.label('The file is gone or was changed.')
            else:
                height, width = tile.shape[:2]
                ui.html(
                    f'<img src="{data_uri(tile)}" width={width} '
                    f'height={height} alt="answer {answer.rank}">',
                    sanitize=False,
                )
            ui.label(f'{answer.rank}. {shown(caption_of(answer))}')
            ui.label(
                f'similarity {answer.similarity:.2f}, '
                f'{answer.sightings} frames'
            ).classes('text-caption')

            def judge(event: events.ValueChangeEventArguments) -> None:
                self.session.judge(answer.rank, event.value)
                card.style(f'border: 3px solid {colour_of(event.value)}')
                self._show_verdict()

            ui.toggle(
                {True: 'accept', False: 'reject'},
                value=answer.accepted,
                on_change=judge,
            ).props('dense no-caps')

    async def _export(self) -> None:
        written: list[Path] = []
        forms = list(self.forms.value)
        if await self._do(lambda: written.extend(self.session.export(forms))):
            names = '\n'.join(map(str, written))
            self.written.text = shown(f'Written:\n{names}')

    @staticmethod
    async def _do(work: Callable[[], None]) -> bool:
        """Work beside the page; what goes wrong is shown. Whether it did."""
        try:
            await run.io_bound(work)
        except Exception as error:
            complain(one_line(error))
            if not (isinstance(error, EXPECTED) or is_out_of_memory(error)):
                traceback.print_exc()  # for whoever looks after the page
            return False
        return True


def complain(message: str) -> None:
    """Show what the visitor should do otherwise."""
    ui.notify(shown(message), type='negative', multi_line=True, timeout=10_000)


def shown(text: str) -> str:
    """A text as a browser takes it: bytes that are not UTF-8 are spelled."""
    return text.encode(errors='surrogateescape').decode(
        errors='backslashreplace'
    )


def names_of(paths: list[str]) -> dict[str, str]:
    """How files are listed: by what follows the folder that all are in."""
    folders = [os.path.dirname(os.path.abspath(path)) for path in paths]
    try:
        common = os.path.commonpath(folders)
    except ValueError:  # on several drives
        return {path: shown(path) for path in paths}
    return {path: shown(os.path.relpath(path, common)) for path in paths}


def draw_answers(answers: list[Answer]) -> list[np.ndarray | None]:
    """The BGR crop and scene of every answer; None where they are gone."""
    drawn: list[np.ndarray | None] = []
    for answer in answers:
        try:
            image = load_frame(answer.frame)[..., ::-1]
        except PICTURE_ERRORS:
            drawn.append(None)
            continue
        height, width = image.shape[:2]
        wide = round(CELL_HEIGHT * min(max(width / height, 0.6), 1.8))
        crop = crop_cell(image, answer.bbox, CELL_HEIGHT // 2, CELL_HEIGHT)
        scene = scene_cell(image, answer.bbox, wide, CELL_HEIGHT, BLUE)
        drawn.append(np.concatenate([crop, scene], axis=1)[..., ::-1])
    return drawn


def outline(box: np.ndarray | tuple, colour: str, line: float) -> str:
    """A frame in SVG."""
    x1, y1, x2, y2 = (float(value) for value in box)
    return (
        f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" '
        f'height="{y2 - y1:.1f}" fill="none" stroke="{colour}" '
        f'stroke-width="{line:.1f}" />'
    )


def colour_of(accepted: bool) -> str:
    """Of the frame of an answer."""
    return hexadecimal(GREEN if accepted else MUTED)


def hexadecimal(colour: tuple[int, int, int]) -> str:
    """An RGB colour as the browser takes it."""
    return '#' + ''.join(f'{part:02x}' for part in colour)


def data_uri(image: np.ndarray) -> str:
    """A BGR uint8 image as an address that holds it."""
    data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return 'data:image/jpeg;base64,' + base64.b64encode(data).decode()
