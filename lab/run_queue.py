"""Commands run as processes, several at a time, each of them once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json

FINISHED = 'finished.json'
TAIL_LINES = 15


@dataclass
class Run:
    """Commands that together make one thing.

    Attributes:
        name: Its name, unique within a queue.
        commands: The commands with their arguments, run one after another.
        needs: Names of the runs that must be finished before.
        environment: Environment variables that only this run has.
        label: Heading that its time is counted under in a table of times.
    """

    name: str
    commands: list[list[str]]
    needs: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    label: str = ''


class RunFailed(UserError):
    """A command of a run failed; the message names its log."""


class RunQueue:
    """Runs that are done once, however often they are asked for.

    ``finished.json`` in the queue's folder remembers each finished run with
    its commands, so that none is taken for another. What a run printed is in
    ``logs/<name>.log``.

    Args:
        folder: Folder of the queue.
        cwd: Where the commands run.
        environment: Variables of every run.
        notes: Kept with each finished run, e.g. the commit of the code.
        say_every: Seconds between two lines on how far a run is.
    """

    def __init__(
        self,
        folder: Path,
        cwd: Path,
        environment: dict[str, str] | None = None,
        notes: dict[str, str] | None = None,
        say_every: float = 10.0,
    ) -> None:
        self.folder = folder
        self.cwd = cwd
        self.environment = {**os.environ, **(environment or {})}
        self.notes = notes or {}
        self.say_every = say_every
        self.lock = threading.Lock()
        self.ran: set[str] = set()  # by this object
        self.finished: dict[str, dict] = {}
        if (folder / FINISHED).is_file():
            self.finished = json.loads((folder / FINISHED).read_text())

    def execute(
        self,
        runs: Sequence[Run],
        jobs: int = 1,
        done: Callable[[Run], None] = lambda run: None,
    ) -> list[str]:
        """Run all, ``jobs`` at a time, in order as far as needs allow.

        Args:
            runs: A run stands behind the ones it needs.
            jobs: Runs at a time.
            done: Called with each run as it is finished.

        Returns:
            Messages of the runs that failed; those that need them are left.
        """
        waiting, complete, failures = list(runs), set(), []
        running = {}
        with ThreadPoolExecutor(jobs) as pool:
            while waiting or running:
                ready = [r for r in waiting if complete.issuperset(r.needs)]
                for run in ready[: jobs - len(running)]:
                    waiting.remove(run)
                    running[pool.submit(self._run_one, run)] = run
                if not running:
                    break
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    run = running.pop(future)
                    try:
                        text = future.result()
                    except RunFailed as error:
                        # Now, as the others may go on for hours.
                        self._say(run, str(error))
                        failures.append(str(error))
                        continue
                    complete.add(run.name)
                    done(run)
                    self._say(
                        run, f'{text}  {len(complete)} of {len(runs)} done'
                    )
        return failures

    def forget(self, name: str) -> None:
        """Let a run be done again."""
        with self.lock:
            if self.finished.pop(name, None):
                write_json(self.folder / FINISHED, self.finished, indent=1)

    def _run_one(self, run: Run) -> str:
        """Run unless done before; how long it took, as text."""
        earlier = self.finished.get(run.name)
        if earlier is not None:
            if earlier['commands'] != run.commands:
                raise RunFailed(
                    f'{run.name} was run with other settings in '
                    f'{self.folder}: remove that, or choose another --work-dir'
                )
            return 'done before'
        start = time.time()
        log = self.folder / 'logs' / f'{run.name}.log'
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open('a') as stream:
            for command in run.commands:
                print('$', *command, file=stream, flush=True)
                process = subprocess.Popen(
                    command,
                    cwd=self.cwd,
                    env={**self.environment, **run.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                )
                self._watch(process, run, log, start)
        seconds = time.time() - start
        with self.lock:
            self.ran.add(run.name)
            self.finished[run.name] = dict(
                commands=run.commands,
                label=run.label,
                seconds=round(seconds, 1),
                **self.notes,
            )
            write_json(self.folder / FINISHED, self.finished, indent=1)
        return f'{seconds:6.1f} s'

    def _watch(
        self, process: subprocess.Popen, run: Run, log: Path, start: float
    ) -> None:
        """Wait for a process, saying now and then how far it is."""
        while True:
            try:
                code = process.wait(timeout=self.say_every)
                break
            except subprocess.TimeoutExpired:
                seconds = time.time() - start
                self._say(run, f'{seconds:6.1f} s  {steps_of(log)}')
        if code:
            lines = log.read_text(errors='replace').splitlines()
            self._say(run, 'FAILED\n' + '\n'.join(lines[-TAIL_LINES:]))
            raise RunFailed(
                f'{run.name} failed with exit status {code}; the whole log '
                f'is {log}. Run the command again to continue.'
            )

    @staticmethod
    def _say(run: Run, text: str) -> None:
        now = time.strftime('%H:%M:%S')
        print(f'[{now}] {run.name:32s} {text}', flush=True)


def steps_of(log: Path) -> str:
    """The last "[ 120/300]" of a log, as text."""
    with log.open('rb') as stream:
        stream.seek(max(0, log.stat().st_size - 4000))
        text = stream.read().decode(errors='replace')
    steps = re.findall(r'\[\s*(\d+)/\s*(\d+)\]', text)
    return '{}/{}'.format(*steps[-1]) if steps else ''


def environment_of_runs(
    root: Path, data_root: Path, threads: int
) -> dict[str, str]:
    """Variables under which the commands of the repository are run.

    Args:
        root: Root of the repository; its code comes before an installed one.
        data_root: Folder of the datasets.
        threads: Threads of each run.
    """
    paths = [str(root), os.environ.get('PYTHONPATH', '')]
    return dict(
        DATA_ROOT=str(data_root.resolve()),
        OMP_NUM_THREADS=str(threads),
        MKL_NUM_THREADS=str(threads),
        PYTHON=sys.executable,
        PYTHONPATH=os.pathsep.join(filter(None, paths)),
    )


def current_commit(root: Path) -> str:
    """The commit of the code, with a ``+`` if files differ from it."""

    def git(*args: str) -> str:
        try:
            return subprocess.run(
                ['git', *args], cwd=root, capture_output=True, text=True
            ).stdout.strip()
        except FileNotFoundError:  # there is no git, as in a container
            return ''

    commit = git('rev-parse', '--short=12', 'HEAD') or 'unknown'
    changed = git('status', '--porcelain', '--', 'mmdet_ps', 'lab', 'configs')
    return commit + ('+' if changed else '')
