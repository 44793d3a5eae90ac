"""Terms of a training's loss, each a mean over the batch of one pass through a stack."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from ae_lightning.nn.stack import ForwardOutput, Stack


class LossContext(NamedTuple):
    """What a term may look at besides the pass.

    ``batch`` is as it was loaded, ``x`` what was encoded and ``target`` what should come out, both
    ``(batch, features)``. ``gathered`` gives codes ``(batch, code)`` of all processes.
    """

    stack: Stack
    batch: Tensor
    x: Tensor
    target: Tensor
    gathered: Callable[[Tensor], Tensor]


Value = Callable[[ForwardOutput, LossContext], Tensor]


class Term(NamedTuple):
    """A term's ``weight`` and ``value`` (scalar).

    ``number`` of a batch counts the things that the value is a mean over, where they are not its
    examples.
    """

    weight: float
    value: Value
    number: Callable[[Tensor], Tensor] | None = None
