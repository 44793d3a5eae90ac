"""Errors caused by user input or by the environment, as opposed to a bug of ours."""

from ae_lightning.redact import redact

LONGEST = 2000
"""Letters of an error's line; what a person gave may be longer."""


class UserError(ValueError):
    """A mistake that the user can fix, in one line: where, rule, value found, what to do.

    The command line prints the line alone and exits with 2; ``--debug`` shows the traceback.
    Secrets in the line are hidden, and control characters are written as escapes.
    """

    def __init__(self, line: str) -> None:
        super().__init__(one_line(line))


def one_line(text: str) -> str:
    """``text`` without secrets, in one line of bounded length."""
    plain = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in redact(text[: 10 * LONGEST])
    )
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]} ..."
