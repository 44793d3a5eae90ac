"""What a person asks of a variant on the command line, and the batches that this becomes."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.errors import UserError
from ae_lightning.inference.load import load
from ae_lightning.inference.model import Model

TOGETHER = 256
"""Examples that are read, and then go through the net, at a time."""


@dataclass(frozen=True)
class Request:
    """What a person asks of a ``variant``: ``inputs`` are paths, ``texts`` themselves.

    With ``skip`` what cannot be read is told and left out, otherwise it ends the command.
    """

    variant: str
    inputs: Sequence[str]
    texts: Sequence[str]
    skip: bool = False
    verify: bool = True

    def model(self) -> Model[Any, Any]:
        """The variant, loaded."""
        return load(self.variant, ARTIFACTS, verify=self.verify)


@dataclass(frozen=True)
class Batch:
    """Some examples as a model takes them, and where each came from."""

    names: list[str]
    examples: Any


@dataclass(frozen=True)
class BatchStream:
    """Examples to be read: so many, if that is known, called ``unit``."""

    batches: Iterator[Batch]
    total: int | None
    unit: str


def tell(line: str) -> None:
    """A line on stderr."""
    print(f"ae: {line}", file=sys.stderr)


def or_skip(asked: Request, error: UserError) -> None:
    """Tell what cannot be read, if it may be left out; otherwise it ends the command."""
    if not asked.skip:
        raise UserError(f"{error} (--skip leaves it out)") from error
    tell(str(error))
