"""Claims: a contractive code changes little with its input, an L2 penalty keeps codes near 0."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ae_lightning.evaluation.image_scores import EncodedImages, Metrics
from ae_lightning.evaluation.metrics.sampling import first_images, ratio
from ae_lightning.nn.jacobian import jacobian_norm
from ae_lightning.training.codes import encode

JACOBIAN_IMAGES = 1000
CHUNK = 500
SHIFT_IMAGES = 2000
SIGMA = 0.05
BOX = 2.0


def rms_distance(codes: NDArray[Any]) -> float:
    """Root mean square distance of codes ``(examples, code)`` from their mean."""
    return float(np.sqrt(codes.astype(np.float64).var(0).sum()))


def jacobian(measured: EncodedImages, count: int = JACOBIAN_IMAGES) -> Metrics:
    """``norm``: Frobenius norm of the encoder's Jacobian, mean over the first test images.

    They are ``count``. ``relative`` divides it by the root mean square distance of the test codes
    from their mean: a code may shrink as a whole, and then changes less without being any steadier.
    """
    chunks = first_images(measured, count).split(CHUNK)
    norm = float(torch.cat([jacobian_norm(measured.stack, chunk) for chunk in chunks]).mean())
    return {"norm": norm, "relative": ratio(norm, rms_distance(measured.codes["test"]))}


def shift(measured: EncodedImages, count: int = SHIFT_IMAGES) -> Metrics:
    """Root mean square change of a code when noise is added to its image.

    The noise is normal with standard deviation 0.05, the images are the first ``count`` of the test
    part; ``relative`` is ``absolute`` divided as in :func:`jacobian`.
    """
    clean = first_images(measured, count)
    noise = SIGMA * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    ways = encode(measured.stack, clean + noise) - encode(measured.stack, clean)
    absolute = float(ways.square().sum(1).mean().sqrt())
    return {"absolute": absolute, "relative": ratio(absolute, rms_distance(measured.codes["test"]))}


def spread(measured: EncodedImages) -> Metrics:
    """Spread and position of the test codes.

    ``rms`` is their root mean square distance from their mean, ``offset`` that mean's distance
    from 0, ``within_box`` the share of codes with all numbers in [-2, 2].
    """
    codes = measured.codes["test"]
    return {
        "rms": rms_distance(codes),
        "offset": float(np.linalg.norm(codes.astype(np.float64).mean(0))),
        "within_box": float((np.abs(codes) <= BOX).all(1).mean()),
    }
