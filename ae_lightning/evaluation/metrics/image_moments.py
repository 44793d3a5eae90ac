"""Shape of strokes: slant and holes.

Legend: ``images`` (images, height, width) in [0, 1], ink bright, row 0 at the top.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label  # type: ignore[attr-defined]

Floats = NDArray[np.floating[Any]]

INK = 0.5
NONE = [[0, 0, 0]] * 3
IN_PLANE = np.array([NONE, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], NONE])
"""Neighbours of a background pixel: itself and the four beside it, in its own image."""


def slant(images: Floats) -> Floats:
    """Pixels that ink leans to the right for each pixel upwards, ``(images,)``; 0 without height.

    The horizontal shear ``-mu11 / mu02`` of the second central moments, by which handwriting is
    deslanted: the slope of the regression of an ink pixel's column on its row.
    """
    ink = np.clip(images, 0, None).astype(np.float64)
    up, right = -np.arange(ink.shape[1], dtype=float)[:, None], np.arange(ink.shape[2], dtype=float)
    mass = np.maximum(ink.sum((1, 2)), np.finfo(float).tiny)

    def mean(values: Floats) -> Floats:
        return (ink * values).sum((1, 2)) / mass

    above = up - mean(up)[:, None, None]
    beside = right - mean(right)[:, None, None]
    covariance, variance = mean(above * beside), mean(above**2)
    return np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 1e-9)


def hole_area(images: Floats) -> Floats:
    """Share of an image's pixels that are background enclosed by ink, ``(images,)``.

    Ink is brighter than 0.5. Background is enclosed if no path over the four neighbours leads out
    of the image.
    """
    background = images < INK
    labels, _ = label(background, IN_PLANE)
    edges = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    outside = np.unique(np.concatenate([edge.ravel() for edge in edges]))
    return (background & ~np.isin(labels, outside)).mean((1, 2))
