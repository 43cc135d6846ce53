"""Search persons in indexed footage on a page in the browser.

    python tools/search_folder.py CONFIG CHECKPOINT FOOTAGE --index-only \
        --out search
    python tools/search_page.py CONFIG CHECKPOINT search

Open the address it prints. The page is there for this machine alone.
"""

import argparse
import sys
from pathlib import Path

from mmdet_ps.apis.footage_search import FootageSearch, Threshold
from mmdet_ps.apis.linking import LINKERS, MAX_GAP
from mmdet_ps.apis.vector_search import KINDS
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    number,
    run_command,
    whole_number,
)
from mmdet_ps.utils.optional_packages import optional


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
        'gallery',
        type=Path,
        help='index that search_folder.py made, or the folder it is in',
    )
    add('--port', type=whole_number(1, 65535), default=8080)
    add(
        '--out',
        type=Path,
        help='folder that answers are exported to (default: "page" beside '
        'the index)',
    )
    add(
        '--threshold',
        type=number(-1, 1),
        help='least similarity of the same person to begin with; by default '
        'what the footage says',
    )
    add('--score-thr', type=number(0, 1), default=0.3, help='of detections')
    add(
        '--max-gap',
        type=number(0),
        default=MAX_GAP,
        help='seconds a person may go unseen in a track',
    )
    add('--linker', choices=LINKERS, default='own')
    add('--search', choices=KINDS, default='auto')
    add('--device', default='auto', help='auto: the GPU if there is one')
    add_trust(parser)
    return parser.parse_args(argv)


def say(message: str) -> None:
    """What the user should know."""
    print(f'note: {message}', file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> None:
    """Load everything, then serve until Ctrl+C."""
    args = parse_args(argv)
    optional('nicegui')
    from mmdet_ps.apis.search_page import require_free, serve_page

    require_free(args.port)
    from mmdet_ps.apis import init_model  # imports MMDetection
    from mmdet_ps.apis.search_session import PersonFinder, gallery_of_model
    from mmdet_ps.utils.devices import choose_device

    device = choose_device(args.device)
    model = init_model(args.config, args.checkpoint, device, trust=args.trust)
    path, gallery = gallery_of_model(args.gallery, model, args.score_thr)
    search = FootageSearch.over(
        gallery, args.max_gap, args.linker, args.search, path, say
    )
    threshold = None
    if args.threshold is not None:
        threshold = Threshold(args.threshold, 'given')
    finder = PersonFinder(model, search, path, threshold, args.score_thr)
    serve_page(finder, args.out or path.parent / 'page', args.port)


if __name__ == '__main__':
    run_command(main)
