"""Shared by the tests of tools."""

import runpy
import subprocess
import sys

import pytest


@pytest.fixture
def run_here(monkeypatch, capsys):
    """Runs a tool as its command does, without the imports of a process.

    They take seconds; whether the tool imports all that it needs is seen by
    those tests that start it.
    """

    def run(tool, *arguments):
        command = [str(tool), *map(str, arguments)]
        monkeypatch.setattr(sys, 'argv', command)
        monkeypatch.syspath_prepend(tool.parent)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(tool), run_name='__main__')
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(
            command, ended.value.code, printed.out, printed.err
        )

    return run
