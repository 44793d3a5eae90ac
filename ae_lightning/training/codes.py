"""Codes and mean targets of whole arrays; codes are the next greedy layer's training examples."""

from math import prod
from pathlib import Path

import torch
from torch import Tensor

from ae_lightning.data.memmap import shared_array
from ae_lightning.data.sampler import BYTES_PER_MB, Array, BatchIndices, Examples, loader, to_unit
from ae_lightning.distributed import process_group
from ae_lightning.nn.stack import Stack

BATCH = 2000
LIMIT_MB = 4096


@torch.inference_mode()
def encode(stack: Stack, array: Array, batch_size: int = BATCH) -> Tensor:
    """Codes ``(examples, code)`` of examples in order, float32; computed once, kept in memory."""
    batches = loader(array, BatchIndices(len(array), batch_size))
    return torch.cat([stack.encode(to_unit(batch)) for batch in batches])


@torch.inference_mode()
def mean_target(stack: Stack, array: Array) -> Tensor:
    """Mean ``(features,)`` of the targets of ``stack``, summed up in float64."""
    total = torch.zeros((), dtype=torch.float64)
    for batch in loader(array, BatchIndices(len(array), BATCH)):
        total = total + stack.target(to_unit(batch)).double().sum(0)
    return (total / len(array)).float()


def greedy_inputs(
    below: Stack, array: Array, limit_mb: int = LIMIT_MB, folder: Path = Path()
) -> Array:
    """Training examples of a layer on top of ``below``: codes, or raw examples if it is empty.

    Raw examples stay bytes, so that training can still augment them. Codes ``(examples,
    code)`` are computed once: in memory up to ``limit_mb`` (MiB), beyond that, or where several
    processes need them and each computes a part, in a memory-mapped file in ``folder``.
    """
    if not below.layers:
        return array
    size = len(array), below.units
    if process_group.world_size() > 1 or 4 * prod(size) > limit_mb * BYTES_PER_MB:
        mapped = shared_array(size, folder)
        _encode_into(torch.from_numpy(mapped), below, array)
        return mapped
    codes = torch.empty(size)
    _encode_into(codes, below, array)
    return codes


@torch.inference_mode()
def _encode_into(codes: Tensor, stack: Stack, array: Array) -> None:
    """Fill ``codes`` ``(examples, code)``; every process of a machine fills a part."""
    place, examples = process_group.place(), Examples(array)
    for number, rows in enumerate(BatchIndices(len(array), BATCH)):
        if number % place.locals == place.local:
            codes[rows[0] : rows[-1] + 1] = stack.encode(to_unit(examples[rows]))
    process_group.barrier()
