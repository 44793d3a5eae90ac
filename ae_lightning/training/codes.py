"""Codes of whole arrays: what the next greedy layer learns from and what is searched."""

import torch
from torch import Tensor

from ae_lightning.data.batches import Array, BatchIndices, loader, to_unit
from ae_lightning.nn.stack import Stack

BATCH = 2000


@torch.inference_mode()
def encode(stack: Stack, array: Array, batch_size: int = BATCH) -> Tensor:
    """Codes ``(examples, code)`` of examples in order, float32; computed once, kept in memory."""
    batches = loader(array, BatchIndices(len(array), batch_size))
    return torch.cat([stack.encode(to_unit(batch)) for batch in batches])


@torch.inference_mode()
def mean_target(stack: Stack, array: Array) -> Tensor:
    """Mean ``(features,)`` of what ``stack`` should reconstruct, in float64 on the way."""
    total = torch.zeros((), dtype=torch.float64)
    for batch in loader(array, BatchIndices(len(array), BATCH)):
        total = total + stack.target(to_unit(batch)).double().sum(0)
    return (total / len(array)).float()


def greedy_inputs(below: Stack, array: Array) -> Array:
    """What a layer on top of ``below`` learns from: codes, or the examples where nothing is below.

    Untouched examples stay bytes, so that training may still move them about.
    """
    return encode(below, array).clone() if below.layers else array
