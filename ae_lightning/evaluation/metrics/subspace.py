"""Angles between subspaces: does gradient descent find PCA's?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import subspace_angles


def largest_angle(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Largest principal angle in degrees between the row spaces of ``(k, features)`` matrices.

    Björck & Golub (1973); 0 means the same subspace, 90 that some direction of one is missing
    in the other.
    """
    return float(np.degrees(subspace_angles(first.T, second.T).max()))
