"""Inputs of an inference command, and their batches."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.errors import UserError
from ae_lightning.inference.load import load
from ae_lightning.inference.model import Model

TOGETHER = 256
"""Batch size of reading and of the net."""


@dataclass(frozen=True)
class Request:
    """Inputs for a ``variant``: ``inputs`` are paths, ``texts`` the texts themselves.

    With ``skip`` inputs that cannot be read are reported and left out, otherwise they end the
    command.
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
    """Batches of examples; ``total`` is their number, if known, ``unit`` what they are called."""

    batches: Iterator[Batch]
    total: int | None
    unit: str


def tell(line: str) -> None:
    """Print a line on stderr."""
    print(f"ae: {line}", file=sys.stderr)


def or_skip(asked: Request, error: UserError) -> None:
    """Report an input that cannot be read if it may be left out; otherwise raise the error."""
    if not asked.skip:
        raise UserError(f"{error} (--skip leaves it out)") from error
    tell(str(error))
