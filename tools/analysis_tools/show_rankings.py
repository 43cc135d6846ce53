"""Draw the answers to queries from a file of results.

    show_rankings.py results.pkl --data-root data/PRW --out rankings
    show_rankings.py results.pkl --data-root data/PRW --queries 3 17
    show_rankings.py new.pkl --against old.pkl --data-root data/PRW

Draws the best, the worst and some random queries, or the named ones. With
--against every picture shows both files below each other, and the queries
are those that gained and lost most.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mmdet_ps.apis.ranked_results import rank_results
from mmdet_ps.evaluation.settings import PRESETS
from mmdet_ps.structures import RankedQueries
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    run_command,
    whole_number,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.images import write_image
from mmdet_ps.visualization.ranking_picture import stack
from mmdet_ps.visualization.search_picture import Look, draw_ranking


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('results', help='dump of tools/test.py --out, or a legacy pickle')
    add('--data-root', required=True, help='dataset folder with prepared/')
    add('--against', help='results to compare with')
    add('--protocol', help='default: the one papers report')
    add('--preset', choices=list(PRESETS), help='score as that project')
    add('--out', type=Path, default=Path('rankings'), help='folder')
    add('--queries', type=int, nargs='+', help='numbers of queries')
    add(
        '--number',
        type=whole_number(1),
        default=5,
        help='best, worst, random: each',
    )
    add('--top-k', type=whole_number(1), default=10)
    add('--style', choices=('crops', 'scenes', 'both'), default='both')
    return parser.parse_args(argv)


def choose(
    ranked: RankedQueries, other: RankedQueries | None, args
) -> dict[str, int]:
    """Name of a picture -> query."""
    if args.queries:
        last = len(ranked.rankings) - 1
        wrong = [query for query in args.queries if not 0 <= query <= last]
        if wrong:
            raise UserError(f'query {wrong[0]}: there are 0 to {last}')
        kinds = {'query': args.queries}
    elif other is None:
        kinds = {
            'best': ranked.best(args.number),
            'worst': ranked.worst(args.number),
            'random': ranked.sample(args.number),
        }
    else:
        gains = ranked.average_precisions - other.average_precisions
        order = ranked.counted[np.argsort(-gains[ranked.counted])].tolist()
        kinds = {
            'gained': order[: args.number],
            'lost': order[::-1][: args.number],
            'random': ranked.sample(args.number),
        }
    return {
        f'{kind}_{i:02d}_query_{query}': query
        for kind, queries in kinds.items()
        for i, query in enumerate(queries)
    }


def run(args: argparse.Namespace) -> None:
    """Rank, choose and draw."""
    runs = []
    for path in filter(None, (args.results, args.against)):
        ranked = rank_results(
            path, args.data_root, args.protocol, args.top_k, preset=args.preset
        )
        runs.append((Path(path).name, ranked))
    others = [ranked for _, ranked in runs[1:]]
    chosen = choose(runs[0][1], others[0] if others else None, args)
    look = Look(args.style, args.top_k)
    for name, query in tqdm(chosen.items(), 'pictures', delay=2):
        pictures = [
            draw_ranking(
                ranked.rankings[query],
                ranked.image_paths,
                f'{source}  ·  {ranked.title(query)}',
                look,
            )
            for source, ranked in runs
        ]
        write_image(args.out / f'{name}.jpg', stack(pictures))
    many = 's' if len(chosen) != 1 else ''
    print(f'{len(chosen)} picture{many} in {args.out}')


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    run(parse_args(argv))


if __name__ == '__main__':
    run_command(main)
