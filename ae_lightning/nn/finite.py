"""Codes as finite numbers, whatever a net made of its examples."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e15
"""Greatest size of a number in a code: the squares of millions of them have a sum in float32."""


def beyond(codes: NDArray[Any]) -> NDArray[np.bool_]:
    """Which numbers of ``codes`` (any shape) are NaN or farther than ``LARGEST`` from 0."""
    return ~(np.abs(codes) <= LARGEST)


def finite(codes: NDArray[Any]) -> NDArray[Any]:
    """The ``codes`` (any shape) with 0 for NaN, and ``LARGEST`` for what is larger."""
    if codes.dtype.kind != "f" or not beyond(codes).any():
        return codes
    return np.nan_to_num(codes).clip(-LARGEST, LARGEST)
