"""The one error of the native readers: which file, which entry, what helps."""

from __future__ import annotations

from pathlib import Path

from mmdet_ps.utils.errors import UserError


class NativeDataError(UserError):
    """A native file that cannot be used as it is.

    Args:
        path: The file or folder. Alone it is the whole message: so PyTorch
            hands the error on from a process that loads data.
        problem: What is wrong with it, naming the entry.
        remedy: What the reader of the message can do about it.
    """

    def __init__(
        self, path: str | Path, problem: str = '', remedy: str = ''
    ) -> None:
        super().__init__(f'{path}: {problem}; {remedy}' if problem else path)
        self.path, self.problem, self.remedy = str(path), problem, remedy

    def __reduce__(self) -> tuple:
        """Cross from one process to another with all three parts."""
        return NativeDataError, (self.path, self.problem, self.remedy)


REFETCH = 'the file looks damaged or of another release: fetch it again'
