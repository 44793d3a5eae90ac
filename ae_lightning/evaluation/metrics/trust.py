"""Trustworthiness of codes: whether what is near in them is near in the examples, too."""

import math
from typing import Any

from numpy.typing import NDArray

NEIGHBOURS = 5


def trust(examples: NDArray[Any], codes: NDArray[Any], metric: str = "euclidean") -> float:
    """Trustworthiness (Venna & Kaski 2001) of ``codes`` ``(examples, code)`` in [0, 1].

    ``metric`` is that between ``examples`` ``(examples, features)``. Of five neighbours, or as many
    as it is defined for; NaN for fewer than three examples, which have none.
    """
    from sklearn.manifold import trustworthiness

    few = min(NEIGHBOURS, (len(codes) - 1) // 2)
    if not few:
        return math.nan
    return float(trustworthiness(examples, codes, n_neighbors=few, metric=metric))
