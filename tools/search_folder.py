"""Search a person in your own footage: a folder of images or a video.

    python tools/search_folder.py CONFIG CHECKPOINT FOOTAGE \
        --query person.jpg --box 210 80 260 230 --out search

The persons of the footage are embedded once and kept in an index, so that
the next query takes seconds. The answer is a picture, a JSON and a CSV file;
persons below the threshold are shown but not accepted.
"""

import argparse
import csv
import io
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

import mmdet_ps.registration  # noqa: F401  registers every part
from mmdet_ps.apis import (
    Frame,
    GalleryIndex,
    build_index,
    detect,
    embed_boxes,
    init_model,
    list_frames,
    load_frame,
)
from mmdet_ps.apis.open_search import (
    LEAST_PAIRS,
    Answer,
    find_person,
    threshold_from_gallery,
)
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    run_command,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json, write_text
from mmdet_ps.utils.images import write_image
from mmdet_ps.visualization.drawing import BLUE, GREEN, MUTED, draw_boxes
from mmdet_ps.visualization.ranking_picture import Tile, draw_row


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('config', help='configuration the model was trained with')
    add('checkpoint')
    add('footage', help='folder of images (searched deeply) or video file')
    add('--query', required=True, help='image or video with the person')
    add('--query-frame', type=int, help='number of the frame in a video')
    add(
        '--box',
        type=float,
        nargs=4,
        metavar=('X1', 'Y1', 'X2', 'Y2'),
        help='the person in pixels of the query image; without it the only '
        'person found is taken, or the persons found are listed',
    )
    add('--person', type=int, help='number of a person from that list')
    add('--out', default='search', help='folder of the answer')
    add('--index', help='file of the index (default: OUT/index.npz)')
    add(
        '--threshold',
        type=float,
        help='least similarity of the same person; by default the one that '
        'a share of --false-alarms of the pairs of different persons in '
        'the footage reach',
    )
    add('--false-alarms', type=float, default=0.001)
    add('--score-thr', type=float, default=0.3, help='of detections')
    add('--top-k', type=int, default=10)
    add('--every', type=int, default=10, help='every n-th frame of a video')
    add('--all-per-frame', action='store_true', help='not only the best one')
    add('--no-resize', action='store_true', help='query at its own size')
    add('--device', default='cpu')
    add_trust(parser)
    return parser.parse_args(argv)


def find_query(model, image: np.ndarray, args) -> list[float]:
    """The box of the person looked for, as given or found."""
    if args.box is not None:
        return args.box
    found = detect(model, image, score_thr=args.score_thr)
    number = args.person
    if number is None and len(found.bboxes) == 1:
        number = 0
    if number is not None and 0 <= number < len(found.bboxes):
        return found.bboxes[number].tolist()
    if len(found.bboxes) == 0:
        raise UserError(
            f'nobody is found in {args.query}: give the person with --box '
            'X1 Y1 X2 Y2, or lower --score-thr'
        )
    picture = Path(args.out) / 'query_persons.jpg'
    names = [str(i) for i in range(len(found.bboxes))]
    drawn = draw_boxes(
        np.ascontiguousarray(image[..., ::-1]),
        found.bboxes,
        names,
        [BLUE] * len(names),
    )
    write_image(picture, drawn)
    listed = '; '.join(
        f'{i}: {" ".join(f"{value:.0f}" for value in box)}'
        for i, box in enumerate(found.bboxes)
    )
    raise UserError(
        f'{len(found.bboxes)} persons are found in {args.query} ({listed}): '
        f'name one with --person, see {picture}'
    )


def load_index(path: Path) -> GalleryIndex | None:
    """The index of an earlier call, if there is a readable one."""
    if not path.is_file():
        return None
    try:
        return GalleryIndex.load(path)
    except ValueError as error:
        print(f'note: {error}', file=sys.stderr)
        return None


def draw(query: Tile, answers: list[Answer], title: str) -> np.ndarray:
    """Query and answers with crops and scenes; accepted ones in green."""
    tiles = [
        Tile(
            load_frame(answer.frame)[..., ::-1],
            answer.bbox,
            GREEN if answer.accepted else MUTED,
            f'{answer.rank}   {answer.similarity:.2f}',
            answer.frame.name,
        )
        for answer in answers
    ]
    accepted = [tile for tile in tiles if tile.colour == GREEN]
    refused = [tile for tile in tiles if tile.colour == MUTED]
    groups = [('query', [query]), ('accepted', accepted)]
    return draw_row(
        [*groups, ('below the threshold', refused)], style='both', title=title
    )


def write_rows(out: Path, header: dict, answers: list[Answer]) -> None:
    """``ranking.json`` with the settings, ``ranking.csv`` with the rows."""
    rows = [answer.row() for answer in answers]
    report = dict(**header, answers=rows)
    write_json(out / 'ranking.json', report, indent=1)
    table = io.StringIO()
    names = list(rows[0]) if rows else ['rank']
    writer = csv.DictWriter(table, names, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write_text(out / 'ranking.csv', table.getvalue())


def run(args: argparse.Namespace) -> str:
    """Search; the sentence that sums up the answer."""
    out = Path(args.out)
    model = init_model(
        args.config, args.checkpoint, args.device, trust=args.trust
    )
    query_frames = list_frames(args.query)
    if args.query_frame is None and query_frames[0].index >= 0:
        raise UserError(f'{args.query} is a video: add --query-frame N')
    query_frame = query_frames[args.query_frame or 0]
    image = load_frame(query_frame)
    box = find_query(model, image, args)
    embedding = embed_boxes(model, image, [box], not args.no_resize)[0]
    if not embedding.any():
        raise UserError(
            f'the model finds nobody in {args.query}, so that it has no '
            'embedding for the box: take a clearer picture of the person'
        )
    index_file = Path(args.index or out / 'index.npz')
    index = build_index(
        model,
        list_frames(args.footage, args.every),
        args.score_thr,
        known=load_index(index_file),
        progress=lambda frames: tqdm(frames, desc='embed', unit='frame'),
        keep=lambda unfinished: unfinished.save(index_file),
    )
    index.save(index_file)
    return answer_query(args, out, index, query_frame, image, box, embedding)


def answer_query(
    args: argparse.Namespace,
    out: Path,
    index: GalleryIndex,
    query_frame: Frame,
    image: np.ndarray,
    box: list[float],
    embedding: np.ndarray,
) -> str:
    """Rank, write the files, and sum up in a sentence."""
    threshold, origin = args.threshold, 'given'
    if threshold is None:
        threshold, pairs = threshold_from_gallery(index, args.false_alarms)
        origin = f'from {pairs} pairs of different persons'
        if pairs < LEAST_PAIRS:
            origin = f'fixed: only {pairs} pairs of different persons seen'
    answers = find_person(
        index,
        embedding,
        threshold,
        args.top_k,
        per_frame=not args.all_per_frame,
        query=(query_frame, np.asarray(box)),
    )
    accepted = sum(answer.accepted for answer in answers)
    best = answers[0].similarity if answers else float('nan')
    verdict = (
        f'found in {accepted} of the {len(answers)} answers'
        if accepted
        else f'not found: the best similarity is {best:.2f}'
    )
    verdict += f' (threshold {threshold:.2f}, {origin})'
    header = dict(
        query=dict(path=query_frame.path, frame=query_frame.index, box=box),
        footage=args.footage,
        frames=len(index.frames),
        persons=len(index),
        threshold=round(threshold, 4),
        threshold_origin=origin,
        found=bool(accepted),
    )
    write_rows(out, header, answers)
    tile = Tile(image[..., ::-1], box, BLUE, 'query', query_frame.name)
    write_image(out / 'ranking.jpg', draw(tile, answers, verdict))
    return f'{verdict}\n{out / "ranking.jpg"}'


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    print(run(parse_args(argv)))


if __name__ == '__main__':
    run_command(main)
