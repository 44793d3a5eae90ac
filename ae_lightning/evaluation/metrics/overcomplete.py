"""Claim: a code wider than its input may just copy it, unless most of its units are silent."""

import numpy as np
import torch

from ae_lightning.evaluation.image_scores import EncodedImages, Metrics
from ae_lightning.evaluation.metrics.sampling import first_images, ratio, reconstruct, sse

IMAGES = 2000
ACTIVE = 0.01


def activity(measured: EncodedImages) -> Metrics:
    """``share``: units with an output beyond ±0.01, averaged over the test images.

    ``dead`` is the share of units that no test image makes active.
    """
    active = np.abs(measured.codes["test"]) > ACTIVE
    return {"share": float(active.mean()), "dead": float((~active.any(0)).mean())}


def copying(measured: EncodedImages, count: int = IMAGES) -> Metrics:
    """Errors on images of uniform noise in [0, 1], which only a copier can reconstruct.

    ``noise_sse`` over ``count`` of them; ``ratio`` is that over the error on as many test images,
    the first; ``noise_explained`` the share of the noise's variance (1/12 a value) that the
    reconstruction has: 1 for a copier, 0 or less for one that knows nothing of noise.
    """
    images = first_images(measured, count)
    noise = torch.rand(count, images.shape[1], generator=torch.Generator().manual_seed(0))
    error, usual = (sse(reconstruct(measured.stack, x), x) for x in (noise, images))
    return {
        "noise_sse": error,
        "ratio": ratio(error, usual),
        "noise_explained": 1 - error / (images.shape[1] / 12),
    }
