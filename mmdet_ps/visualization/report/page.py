"""A single HTML file with everything in it: style, pictures, curves."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from mmdet_ps.utils.files import write_text

STYLE = """
:root { --ink: #20242c; --muted: #667084; --line: #e3e6ec; --paper: #ffffff;
        --wash: #f5f6f9; --good: #1a9650; --bad: #d03030; --accent: #2462cc; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--wash);
       font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
             "Helvetica Neue", Arial, sans-serif; }
header { background: #1c2b45; color: #fff; padding: 28px 32px 20px; }
header h1 { margin: 0 0 4px; font-size: 26px; font-weight: 650; }
header p { margin: 0; color: #c8d2e4; max-width: 80ch; }
nav { position: sticky; top: 0; z-index: 1; background: var(--paper);
      border-bottom: 1px solid var(--line); padding: 8px 32px; }
nav a { color: var(--accent); text-decoration: none; margin-right: 20px;
        white-space: nowrap; }
nav a:hover { text-decoration: underline; }
main { max-width: 1480px; margin: 0 auto; padding: 8px 32px 48px; }
section { background: var(--paper); border: 1px solid var(--line);
          border-radius: 8px; padding: 18px 24px 22px; margin-top: 20px;
          scroll-margin-top: 48px; }
h2 { margin: 0 0 6px; font-size: 20px; }
h3 { margin: 22px 0 6px; font-size: 16px; }
p { max-width: 92ch; margin: 6px 0; }
.muted { color: var(--muted); }
table { border-collapse: collapse; margin: 10px 0;
        font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px; border-bottom: 1px solid var(--line);
         text-align: right; vertical-align: top; }
th { color: var(--muted); font-weight: 600; font-size: 13px; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
tr:last-child td { border-bottom: none; }
td.good { color: var(--good); font-weight: 650; }
td.bad { color: var(--bad); font-weight: 650; }
figure { margin: 12px 0; }
figure img { max-width: 100%; height: auto; display: block;
             border-radius: 4px; }
figcaption { color: var(--muted); font-size: 13px; margin-top: 4px; }
.grid, .scenes { display: grid; gap: 16px;
        grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); }
.grid figure, .scenes figure { margin: 0; }
.scenes img { max-height: 300px; width: auto; }
.curves { display: grid; gap: 10px 16px;
          grid-template-columns: repeat(3, minmax(0, 1fr)); }
.curves figure { margin: 0; }
.pair { border-left: 4px solid var(--line); padding-left: 16px;
        margin: 20px 0; }
.pair figure { margin: 6px 0; }
.tiles { display: flex; flex-wrap: wrap; gap: 16px; margin: 12px 0; }
.tile { border: 1px solid var(--line); border-radius: 8px;
        padding: 12px 18px; min-width: 190px; }
.tile b { display: block; font-size: 26px; line-height: 1.25; }
.tile small { color: var(--muted); display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--muted); }
@media print { nav { display: none; } section { break-inside: avoid; } }
"""


class Page:
    """Collects sections and writes them as one file.

    Args:
        title: Heading of the page.
        subtitle: Sentence below it.
    """

    def __init__(self, title: str, subtitle: str = ''):
        self.title = title
        self.subtitle = subtitle
        self.sections: list[tuple[str, str]] = []

    def add(self, heading: str, *parts: str) -> None:
        """Add a section; one whose parts are all empty is left out.

        Args:
            heading: Plain text above the section, and its link at the top.
            *parts: HTML, as the functions of this module and of ``charts``
                return it.
        """
        content = '\n'.join(part for part in parts if part)
        if content:
            self.sections.append((heading, content))

    def html(self) -> str:
        """The whole page as HTML."""
        links = ''.join(
            f'<a href="#part{i}">{escape(heading)}</a>'
            for i, (heading, _) in enumerate(self.sections)
        )
        body = '\n'.join(
            f'<section id="part{i}"><h2>{escape(heading)}</h2>\n'
            f'{content}\n</section>'
            for i, (heading, content) in enumerate(self.sections)
        )
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width">\n'
            f'<title>{escape(self.title)}</title>\n'
            f'<style>{STYLE}</style></head>\n<body>\n'
            f'<header><h1>{escape(self.title)}</h1>'
            f'<p>{escape(self.subtitle)}</p></header>\n'
            f'<nav>{links}</nav>\n<main>\n{body}\n</main>\n</body></html>\n'
        )

    def write(self, path: str | Path) -> None:
        """Write the page as one file."""
        write_text(path, self.html())


def paragraph(text: str, kind: str = '') -> str:
    """A paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>'


def note(text: str) -> str:
    """A paragraph in grey."""
    return paragraph(text, 'muted')


def heading(text: str) -> str:
    """A heading inside a section."""
    return f'<h3>{escape(text)}</h3>'


def group(kind: str, *parts: str) -> str:
    """Parts laid out together.

    Args:
        kind: How: ``grid``, ``scenes``, ``curves``, ``pair`` or ``tiles``.
        *parts: HTML.
    """
    return f'<div class="{kind}">{"".join(parts)}</div>'


def tile(label: str, value: str, detail: str = '') -> str:
    """A box that shows one value in large letters.

    Args:
        label: What the value is, above it.
        value: The value.
        detail: A line in small letters below it.
    """
    return (
        f'<div class="tile">{escape(label)}<b>{escape(value)}</b>'
        f'<small>{escape(detail)}</small></div>'
    )


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    kinds: dict[tuple[int, int], str] | None = None,
) -> str:
    """A table of plain values.

    Args:
        header: Names of the columns.
        rows: Values of each row.
        kinds: (row, column) -> how that cell looks: ``good`` (green),
            ``bad`` (red) or ``text`` (set left).
    """
    kinds = kinds or {}
    head = ''.join(f'<th>{escape(str(name))}</th>' for name in header)
    lines = []
    for r, row in enumerate(rows):
        cells = ''.join(
            f'<td class="{kinds.get((r, c), "")}">{escape(str(value))}</td>'
            for c, value in enumerate(row)
        )
        lines.append(f'<tr>{cells}</tr>')
    return (
        f'<table><thead><tr>{head}</tr></thead>'
        f'<tbody>{"".join(lines)}</tbody></table>'
    )


def figure(
    image: np.ndarray, caption: str = '', quality: int = 85, zoom: float = 1.0
) -> str:
    """A picture, embedded as JPEG.

    Args:
        image: (H, W, 3) uint8, RGB.
        caption: Plain text below it.
        quality: Quality of the JPEG, from 0 to 100.
        zoom: Shown size over size in pixels.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    data = cv2.imencode('.jpg', image[..., ::-1], options)[1]
    text = base64.b64encode(data.tobytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" '
        f'width="{round(image.shape[1] * zoom)}" '
        f'src="data:image/jpeg;base64,{text}">'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
    )
