"""Runs trainings as processes, several at a time, each of them once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULT_FILE = 'result.json'


@dataclass
class Run:
    """One training (and what follows it) in a folder of its own.

    Attributes:
        name: Name, also of its folder.
        commands: What to run, one after another, in the project's root;
            ``{work_dir}`` stands for the folder.
        needs: Names of the runs that come first.
        row: What its row of the table says beside the scores; None for runs
            without a row.
    """

    name: str
    commands: list[list[str]]
    needs: Sequence[str] = ()
    row: dict | None = field(default=None)


class RunFailed(RuntimeError):
    """A command of a run failed; the message names its log."""


class RunQueue:
    """Runs that remember in their folders that they are done.

    A finished run is skipped if its commands are the same as then; a run
    that was killed goes on from its last checkpoint.

    Args:
        work_dir: Folder of the runs' folders.
        threads: Threads of each run.
        data_root: Folder of the datasets.
        commit: Written into the rows.
    """

    def __init__(
        self, work_dir: Path, threads: int, data_root: Path, commit: str
    ) -> None:
        self.work_dir = work_dir
        self.commit = commit
        self.environment = {
            **os.environ,
            'OMP_NUM_THREADS': str(threads),
            'MKL_NUM_THREADS': str(threads),
            'DATA_ROOT': str(data_root.resolve()),
            'PYTHON': sys.executable,
            'PYTHONPATH': os.pathsep.join(
                filter(None, [str(ROOT), os.environ.get('PYTHONPATH')])
            ),
        }

    def execute(
        self, runs: Sequence[Run], jobs: int, done: Callable[[dict], None]
    ) -> list[str]:
        """Run all, ``jobs`` at a time, in order as far as needs allow.

        Args:
            runs: A run stands behind the ones it needs.
            jobs: Processes at a time.
            done: Called with the row of each run that has one.

        Returns:
            Messages of the runs that failed; those that need them are left.
        """
        waiting, finished = list(runs), set()
        failures, running = [], {}
        with ThreadPoolExecutor(jobs) as pool:
            while waiting or running:
                ready = [r for r in waiting if finished.issuperset(r.needs)]
                for run in ready[: jobs - len(running)]:
                    waiting.remove(run)
                    running[pool.submit(self.run_one, run)] = run
                if not running:
                    break
                complete, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in complete:
                    run = running.pop(future)
                    try:
                        row = future.result()
                    except RunFailed as error:
                        failures.append(str(error))
                        self.say(f'FAILED {error}')
                        continue
                    finished.add(run.name)
                    if row is not None:
                        done(row)
                    self.say(f'{len(finished)} of {len(runs)} runs done')
        return failures

    def run_one(self, run: Run) -> dict | None:
        """Run unless done before; its row, if it has one."""
        folder = self.work_dir / run.name
        result_path = folder / RESULT_FILE
        if result_path.is_file():
            result = json.loads(result_path.read_text())
            if result['commands'] == run.commands:
                return result['row']
            raise RunFailed(
                f'{folder} was run with other settings: remove it, or choose '
                'another --work-dir'
            )
        folder.mkdir(parents=True, exist_ok=True)
        start = time.time()
        with (folder / 'log.txt').open('a') as log:
            for command in run.commands:
                self._command(
                    [p.replace('{work_dir}', str(folder)) for p in command],
                    log,
                )
        row = None
        if run.row is not None:
            row = dict(run.row, **read_scores(folder), commit=self.commit)
        seconds = round(time.time() - start, 1)
        write_json(
            result_path, dict(commands=run.commands, row=row, seconds=seconds)
        )
        self.say(
            f'{run.name}: {seconds:.0f} s'
            + (f', mAP {row["mAP"]:.3f}' if row else '')
        )
        return row

    def _command(self, command: list[str], log) -> None:
        print('$', *command, file=log, flush=True)
        code = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ).returncode
        if code:
            raise RunFailed(f'{command[1]} (exit {code}); see {log.name}')

    @staticmethod
    def say(text: str) -> None:
        """Print with the time of day."""
        print(f'[{time.strftime("%H:%M:%S")}] {text}', flush=True)


def read_scores(folder: Path) -> dict[str, float]:
    """The last scores in the logs of a training."""
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    for log in reversed(logs):
        for line in reversed(log.read_text().splitlines()):
            entry = json.loads(line)
            if 'search/mAP' in entry:
                return dict(
                    mAP=round(entry['search/mAP'], 4),
                    top1=round(entry['search/top1'], 4),
                )
    raise RunFailed(f'{folder}: its logs hold no search/mAP')


def write_json(path: Path, content: object) -> None:
    """Write beside its place, then move it there."""
    write_text(path, json.dumps(content, indent=1) + '\n')


def write_text(path: Path, text: str) -> None:
    """Write beside its place, then move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + '.part')
    part.write_text(text)
    part.replace(path)


def current_commit() -> str:
    """The commit of the code, with a ``+`` if files differ from it."""

    def git(*args: str) -> str:
        return subprocess.run(
            ['git', *args], cwd=ROOT, capture_output=True, text=True
        ).stdout.strip()

    commit = git('rev-parse', '--short=12', 'HEAD') or 'unknown'
    changed = git('status', '--porcelain', '--', 'mmdet_ps', 'configs')
    return commit + ('+' if changed else '')
