"""Angles between subspaces: does gradient descent find PCA's?"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import subspace_angles


def largest_angle(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Largest principal angle in degrees between the row spaces of ``(k, features)`` matrices.

    Björck & Golub (1973); 0 means the same subspace, 90 that some direction of one is missing
    in the other: so it is for matrices of zeros. NaN for numbers that are not finite.
    """
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return math.nan
    if not (first.any() and second.any()):
        return 90.0
    return float(np.degrees(subspace_angles(first.T, second.T).max()))
