"""What a person did or a machine lacks, as opposed to a bug of ours."""


class UserError(ValueError):
    """A mistake that a person can mend, told in one line: where, rule, value found, what to do.

    The command line prints the line alone and exits with 2; ``--debug`` shows the traceback.
    """
