"""The one error of the native readers: which file, which entry, what helps."""

from __future__ import annotations

from pathlib import Path


class NativeDataError(ValueError):
    """A native file that cannot be used as it is.

    Args:
        path: The file or folder.
        problem: What is wrong with it, naming the entry.
        remedy: What the reader of the message can do about it.
    """

    def __init__(self, path: str | Path, problem: str, remedy: str) -> None:
        super().__init__(f'{path}: {problem}; {remedy}')
        self.path, self.problem, self.remedy = str(path), problem, remedy


REFETCH = 'the file looks damaged or of another release: fetch it again'
