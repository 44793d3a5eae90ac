"""Errors caused by user input or by the environment, as opposed to a bug of ours."""


class UserError(ValueError):
    """A mistake that the user can fix, in one line: where, rule, value found, what to do.

    The command line prints the line alone and exits with 2; ``--debug`` shows the traceback.
    """
