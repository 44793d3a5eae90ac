"""Fingerprint of a training, by which a killed one is resumed."""

import hashlib
from collections.abc import Iterable

import numpy as np
from torch import Tensor

from ae_lightning.config.environment import Environment
from ae_lightning.data.lazy_array import LazyArray
from ae_lightning.data.sampler import Array
from ae_lightning.nn.precision import multiplies_bf16
from ae_lightning.nn.stack import Stack
from ae_lightning.training.setup import Fit
from ae_lightning.training.trainer import precision


def fingerprint(environment: Environment, *parts: object) -> str:
    """Name of a training by all that decides its result: number types, code, and its ``parts``.

    How many devices there are is none of them, so that a training may go on with others.
    """
    numbers = precision(environment), multiplies_bf16(environment.accelerator)
    text = repr((numbers, environment.code, *parts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_fit(stack: Stack, data: Iterable[Array], how: Fit) -> str:
    """Fingerprint of a stack's training by its settings, first weights and data."""
    source = how.source or contents(layers(stack), data)
    return fingerprint(how.environment, how.training, how.item, stack.specs, how.module, source)


def layers(stack: Stack) -> list[Tensor]:
    """Weights of all layers, without the input transform's buffers, computed from the data."""
    return [value for key, value in stack.state_dict().items() if not key.startswith("first.")]


def contents(tensors: Iterable[Tensor], arrays: Iterable[Array]) -> str:
    """SHA-256 of tensors and arrays, byte for byte."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.numpy().tobytes())
    for array in arrays:
        for part in array.arrays if isinstance(array, LazyArray) else [array]:
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
