"""Start several processes of a tool as torchrun does, but end as a tool does.

torchrun adds a traceback of its own to what a failed process has said.
"""

import functools
import sys

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from mmdet_ps.utils.command_line import ArgumentParser, run_command
from mmdet_ps.utils.errors import UserError


def main() -> int:
    """Run; returns the exit status of the process that failed first."""
    parser = run.get_args_parser()
    parser.error = functools.partial(ArgumentParser.error, parser)
    args = parser.parse_args()
    try:
        run.run(args)
    except ValueError as error:  # of torchrun's own options
        raise UserError(str(error)) from error
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:  # it was ended by a signal and said nothing
            print(
                f'error: process {rank} was ended by signal '
                f'{-failure.exitcode}',
                file=sys.stderr,
            )
        return abs(failure.exitcode)
    return 0


if __name__ == '__main__':
    run_command(main)
