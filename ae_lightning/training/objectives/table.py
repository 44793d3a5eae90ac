"""Table of training objectives: one row for each setting that asks for one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from torch import Tensor

from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import Array, in_memory
from ae_lightning.nn.losses import LOSSES, resolve_loss
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.terms import Term
from ae_lightning.registry import NamedBy
from ae_lightning.training.objectives import documents, sequences, views
from ae_lightning.training.setup import Fit

Examples = tuple[Array, Array]
"""Training and validation examples."""


def raw_examples(stack: Stack, data: PreparedDataset, item: Any, limit_mb: int) -> Examples:
    """The examples themselves, in memory if they fit into ``limit_mb``."""
    train, validation = (
        in_memory(data.inputs(split), limit_mb) for split in ("train", "validation")
    )
    return train, validation


def itself(stack: Stack, batch: Tensor, item: Any, training: bool) -> tuple[Tensor, Tensor]:
    """A batch ``(batch, features)`` as input and target."""
    return batch, stack.target(batch)


def reconstruction(stack: Stack, how: Fit) -> list[Term]:
    """The configured loss between what comes out and the target."""
    loss = LOSSES[resolve_loss(how.training.loss, stack.specs[0].output)]
    return [
        Term(1.0, lambda output, context: loss(output.logits, context.target, stack.output)),
    ]


@dataclass(frozen=True)
class TrainingObjective:
    """Objective that a layer's or variant's settings ask for.

    ``terms`` are those of the loss besides penalties; validation takes the first. ``pair`` makes of
    a batch the input and the target of ``item``, in training and in validation. ``examples`` are
    those of a variant; a greedy layer learns from codes.
    """

    terms: Callable[[Stack, Fit], list[Term]] = reconstruction
    pair: Callable[[Stack, Tensor, Any, bool], tuple[Tensor, Tensor]] = itself
    examples: Callable[[Stack, PreparedDataset, Any, int], Examples] = raw_examples


OBJECTIVES: Annotated[
    dict[str, TrainingObjective],
    NamedBy(switches=("views", "neighbours"), values=("kind",), always=("reconstruction",)),
] = {
    "reconstruction": TrainingObjective(),
    "views": TrainingObjective(
        lambda stack, how: [*reconstruction(stack, how), *views.agreement(how.item)],
        views.copy_and_original,
    ),
    "neighbours": TrainingObjective(
        pair=documents.own_and_neighbours, examples=documents.with_neighbours
    ),
    "sequence": TrainingObjective(sequences.next_tokens_and_bag, sequences.padded),
}
