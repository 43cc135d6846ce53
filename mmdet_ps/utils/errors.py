"""The error that says: the user can mend this.

It stands alone, so that every part of the package can raise it.
"""


class UserError(ValueError):
    """A mistake of the user, or of a file that the user gave.

    The message is one line: which file or option, which entry of it, and
    what to do about it. A command prints that line and no traceback (see
    :func:`mmdet_ps.utils.command_line.run_command`). An error that no user
    can cause is a bug and stays an error of another kind.
    """
