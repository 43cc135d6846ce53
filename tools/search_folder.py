"""Search persons in your own footage: pictures, folders of them, videos.

    python tools/search_folder.py CONFIG CHECKPOINT FOOTAGE \
        --query person.jpg --box 210 80 260 230 --out search

The persons of the footage are embedded once and kept in an index, so that
the next query takes seconds. In videos they are linked to tracks: an answer
is a person from a time to a time. It is written as a picture, a JSON and a
CSV file; persons below the threshold are shown but not accepted.

Several pictures behind one --query show one person; several --query ask for
several persons. --box, --person, --query-frame and --name belong to the
--query before them.
"""

import argparse
import os
import sys
from pathlib import Path

from tqdm import tqdm

from mmdet_ps.apis.answer_files import (
    CLIPS,
    EXPORTS,
    INDEX,
    REPORT,
    SKIPPED,
    TABLE,
)
from mmdet_ps.apis.bytetrack_linker import PACKAGES as BYTETRACK_PACKAGES
from mmdet_ps.apis.exports import FORMS
from mmdet_ps.apis.footage import find_footage
from mmdet_ps.apis.footage_search import (
    UNITS,
    FootageSearch,
    Threshold,
    index_into,
)
from mmdet_ps.apis.indexing import estimate_frames
from mmdet_ps.apis.linking import LINKERS, MAX_GAP
from mmdet_ps.apis.queries import (
    Query,
    QueryPicture,
    check_names,
    embed_query,
    read_query_table,
)
from mmdet_ps.apis.sampling import STEP, Sampling
from mmdet_ps.apis.search_report import (
    describe_footage,
    export_answers,
    report_of,
    sum_up,
    verdict_of,
    write_answer,
    write_answers,
    write_clips,
    write_skipped,
)
from mmdet_ps.apis.vector_search import KINDS, import_faiss
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    number,
    run_command,
    whole_number,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json
from mmdet_ps.utils.optional_packages import optional

BATCH_SIZE = {'cpu': 1, 'cuda': 8}


class QueryPart(argparse.Action):
    """Keeps the options of queries in the order they were given."""

    def __call__(self, parser, namespace, values, option_string=None):
        parts = getattr(namespace, 'parts', None) or []
        namespace.parts = [*parts, (self.dest, values)]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('config', help='configuration the model was trained with')
    add('checkpoint')
    add(
        'footage',
        nargs='+',
        help='folders (searched deeply), pictures and videos',
    )
    add_query_options(parser.add_argument_group('queries').add_argument)
    add_answer_options(parser.add_argument_group('answers').add_argument)
    add_index_options(parser.add_argument_group('index').add_argument)
    add_trust(parser)
    args = parser.parse_args(argv)
    if not (getattr(args, 'parts', None) or args.queries or args.index_only):
        parser.error('the following arguments are required: --query')
    of_tracks = args.clips or (args.export and not args.everybody)
    if of_tracks and args.per != 'track':
        parser.error(
            f'--clips and --export write tracks, which --per {args.per} does '
            'without: leave one of them out'
        )
    return args


def add_query_options(add) -> None:
    """Who is looked for."""
    add(
        '--query',
        nargs='+',
        action=QueryPart,
        metavar='FILE',
        help='pictures (or videos, with --query-frame) of one person',
    )
    add(
        '--query-frame',
        type=int,
        action=QueryPart,
        metavar='N',
        help='number of the frame in a video, the first being 0',
    )
    add(
        '--box',
        type=number(),
        nargs=4,
        action=QueryPart,
        metavar=('X1', 'Y1', 'X2', 'Y2'),
        help='the person in pixels of the query image; without it the only '
        'person found is taken, or the persons found are listed',
    )
    add(
        '--person',
        type=int,
        action=QueryPart,
        metavar='N',
        help='number of a person from that list',
    )
    add('--name', action=QueryPart, help='of the person, for the answer')
    add(
        '--queries',
        metavar='CSV',
        help='table of further queries: name,path,frame,x1,y1,x2,y2; rows '
        'of one name show one person',
    )
    add('--no-resize', action='store_true', help='query at its own size')


def add_answer_options(add) -> None:
    """What counts as found, and what is written."""
    add('--out', default='search', help='folder of the answer')
    add(
        '--threshold',
        type=number(-1, 1),
        help='least similarity of the same person; by default the one that '
        'a share of --false-alarms of the pairs of different persons in '
        'the footage reach',
    )
    add('--false-alarms', type=number(0, 1), default=0.001)
    add('--top-k', type=whole_number(1), default=10)
    add(
        '--per',
        choices=UNITS,
        default='track',
        help='one answer per track (default), per frame, or every detection',
    )
    add(
        '--all-per-frame',
        action='store_const',
        const='detection',
        dest='per',
        help='the same as --per detection',
    )
    add('--clips', action='store_true', help='a video of each found track')
    add(
        '--export',
        nargs='+',
        choices=FORMS,
        default=[],
        help='write the tracks found in these forms as well',
    )
    add(
        '--everybody',
        action='store_true',
        help='export all tracks, not only those found',
    )


def add_index_options(add) -> None:
    """How footage becomes an index."""
    add('--index', help='file of the index (default: OUT/index.npz)')
    add('--index-only', action='store_true', help='ask nothing')
    add(
        '--remove',
        nargs='+',
        default=[],
        metavar='FILE',
        help='take these files out of the index first',
    )
    add('--score-thr', type=number(0, 1), default=0.3, help='of detections')
    add(
        '--every',
        type=whole_number(1),
        help='every n-th frame of a video (default: one in --step seconds)',
    )
    add('--step', type=number(0), default=STEP, help='seconds; 0: all frames')
    add(
        '--max-gap',
        type=number(0),
        default=MAX_GAP,
        help='seconds a person may go unseen in a track',
    )
    add('--linker', choices=LINKERS, default='own')
    add(
        '--search',
        choices=KINDS,
        default='auto',
        help='auto: exact, above some hundred thousand tracks FAISS',
    )
    add(
        '--batch-size',
        type=whole_number(1),
        help='images at once (GPU: 8, CPU: 1)',
    )
    add('--device', default='auto', help='auto: the GPU if there is one')


def read_queries(args: argparse.Namespace) -> list[Query]:
    """The persons asked for, in the order of the command line."""
    queries: list[Query] = []
    early = []
    for kind, value in getattr(args, 'parts', None) or []:
        if kind == 'query':
            pictures = [QueryPicture(path) for path in value]
            queries.append(Query('', pictures))
            for part in early:
                give(queries[-1], *part)
            early = []
        elif queries:
            give(queries[-1], kind, value)
        else:
            early.append((kind, value))
    if early:
        raise UserError(f'--{early[0][0]} belongs to a --query, give one')
    if args.queries:
        queries += read_query_table(args.queries)
    check_names(queries)
    return queries


def give(query: Query, kind: str, value: object) -> None:
    """Give an option to the query, or to the first picture without it."""
    if kind == 'name':
        query.name = value
        return
    field = 'frame' if kind == 'query_frame' else kind
    for picture in query.pictures:
        if getattr(picture, field) is None:
            setattr(picture, field, value)
            return
    option = kind.replace('_', '-')
    raise UserError(
        f'--{option} is given more often than the query has pictures '
        f'({len(query.pictures)})'
    )


def say(message: str) -> None:
    """What the user should know, beside the answer."""
    tqdm.write(f'note: {message}', file=sys.stderr)


def require_packages(args: argparse.Namespace) -> None:
    """Ask for what the options need before footage is indexed for hours."""
    if 'fiftyone' in args.export:
        optional('fiftyone')
    if args.linker == 'bytetrack':
        for name in BYTETRACK_PACKAGES:
            optional(name)
    if args.search == 'faiss':
        import_faiss()


def open_footage(args: argparse.Namespace, model, device: str):
    """Index the footage; (footage, search over it)."""
    # The index is also read from elsewhere, by the search page for example.
    footage = find_footage(map(os.path.abspath, args.footage))
    sampling = Sampling(args.every, args.step)
    index_file = Path(args.index or Path(args.out) / INDEX)
    bar = tqdm(
        total=estimate_frames(footage, sampling),
        desc='embed',
        unit='frame',
        delay=2,
    )
    with bar:
        gallery = index_into(
            index_file,
            model,
            footage,
            args.score_thr,
            sampling,
            args.batch_size or BATCH_SIZE.get(device.split(':')[0], 1),
            bar.update,
            say,
            args.remove,
        )
    search = FootageSearch.over(
        gallery,
        args.max_gap,
        args.linker,
        args.search,
        index_file,
        say,
    )
    return footage, search


def run(args: argparse.Namespace) -> str:
    """Search; the sentences that sum up the answers."""
    out = Path(args.out)
    require_packages(args)
    queries = read_queries(args)
    from mmdet_ps.apis import init_model  # imports MMDetection
    from mmdet_ps.utils.devices import choose_device

    device = choose_device(args.device)

    model = init_model(args.config, args.checkpoint, device, trust=args.trust)
    embedded = [
        embed_query(model, query, out, args.score_thr, not args.no_resize)
        for query in queries
    ]
    footage, search = open_footage(args, model, device)
    write_skipped(out / SKIPPED, footage.skipped)
    lines = answer_all(args, out, embedded, footage, search)
    return '\n'.join(lines + sum_up(footage, search))


def answer_all(args, out: Path, embedded: list, footage, search) -> list[str]:
    """Answer every query and write the files; sentences."""
    threshold = (
        search.threshold(args.false_alarms, args.per)
        if args.threshold is None
        else Threshold(args.threshold, 'given')
    )
    header = describe_footage(args.footage, footage, search)
    lines, reports, chosen = [], [], {}
    for query in embedded:
        folder = out / query.name if len(embedded) > 1 else out
        answers = search.find(query, threshold.value, args.top_k, args.per)
        picture = write_answer(folder, header, query, answers, threshold)
        prefix = f'{query.name}: ' if len(embedded) > 1 else ''
        lines += [f'{prefix}{verdict_of(answers, threshold)}', str(picture)]
        reports.append(report_of(query, answers, threshold))
        if args.clips:
            lines += map(str, write_clips(folder / CLIPS, search, answers))
        for answer in answers:
            if answer.accepted and answer.track >= 0:
                chosen.setdefault(answer.track, query.name)
    if len(embedded) > 1:
        write_json(out / REPORT, dict(header, queries=reports), indent=1)
        rows = [row for report in reports for row in report['answers']]
        write_answers(out / TABLE, rows)
    if args.everybody:
        chosen = {
            track: chosen.get(track, '') for track in range(len(search.tracks))
        }
    for form in args.export:
        lines += map(str, export_answers(out / EXPORTS, form, search, chosen))
    return lines


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    answer = run(parse_args(argv))
    # A name that is not UTF-8 is printed as well as it can be.
    sys.stdout.reconfigure(errors='backslashreplace')
    print(answer)


if __name__ == '__main__':
    run_command(main)
