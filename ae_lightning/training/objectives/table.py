"""Table of training objectives: one row for each setting that asks for one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import Array, in_memory
from ae_lightning.nn.stack import Stack
from ae_lightning.registry import NamedBy
from ae_lightning.training.module import Reconstruction
from ae_lightning.training.objectives.documents import NeighbourReconstruction, with_neighbours
from ae_lightning.training.objectives.views import ViewReconstruction
from ae_lightning.training.setup import Fit

Examples = tuple[Array, Array]
"""Training and validation examples."""


def raw_examples(stack: Stack, data: PreparedDataset, item: Any, limit_mb: int) -> Examples:
    """The examples themselves, in memory if they fit into ``limit_mb``."""
    train, validation = (
        in_memory(data.inputs(split), limit_mb) for split in ("train", "validation")
    )
    return train, validation


def beside_neighbours(stack: Stack, data: PreparedDataset, item: Any, limit_mb: int) -> Examples:
    """Documents beside the words of their neighbours."""
    return with_neighbours(stack, data, item.neighbours)


@dataclass(frozen=True)
class TrainingObjective:
    """The LightningModule that a layer's or variant's settings ask for, and its examples.

    ``examples`` are those of a variant; a greedy layer learns from codes.
    """

    module: Callable[[Any], Callable[[Stack, Fit], Reconstruction]]
    examples: Callable[[Stack, PreparedDataset, Any, int], Examples] = raw_examples


OBJECTIVES: Annotated[
    dict[str, TrainingObjective],
    NamedBy(switches=("views", "neighbours"), always=("reconstruction",)),
] = {
    "reconstruction": TrainingObjective(lambda item: Reconstruction),
    "views": TrainingObjective(lambda item: ViewReconstruction),
    "neighbours": TrainingObjective(
        lambda item: partial(NeighbourReconstruction, share=item.neighbours.share),
        beside_neighbours,
    ),
}
