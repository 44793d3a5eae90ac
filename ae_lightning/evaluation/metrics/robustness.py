"""Claim: a denoising autoencoder has learnt to remove noise."""

import torch
from torch import Tensor

from ae_lightning.evaluation.image_scores import EncodedImages, Metrics
from ae_lightning.evaluation.metrics.sampling import first_images, reconstruct, seeded, sse
from ae_lightning.nn.corruption import CORRUPTIONS

IMAGES = 2000
PERCENTS = (10, 20, 30, 40, 50)


def corruption(measured: EncodedImages, count: int = IMAGES) -> Metrics:
    """Errors against the clean image, by kind and strength, on the first ``count`` test images.

    ``sse@20`` is that of the reconstruction of an image corrupted with strength 0.2, ``input@20``
    that of the corrupted image itself: what doing nothing would cost. Every stack meets the same
    corrupted images.
    """
    clean = first_images(measured, count)
    errors: Metrics = {kind: {} for kind in CORRUPTIONS}
    for kind, of_kind in errors.items():
        for percent in PERCENTS:
            spoilt = corrupted(clean, kind, percent / 100)
            of_kind[f"sse@{percent}"] = sse(reconstruct(measured.stack, spoilt), clean)
            of_kind[f"input@{percent}"] = sse(spoilt, clean)
    return errors


def corrupted(clean: Tensor, kind: str, strength: float) -> Tensor:
    """Images ``(images, features)`` corrupted with the same random numbers each time."""
    with seeded(), torch.inference_mode():
        return CORRUPTIONS[kind](clean, strength)
