"""A model of images.

Legend: N images, ``shape`` one image's: ``(height, width)`` or with three colours last.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ae_lightning.inference.checks import UnitImages, unit_images
from ae_lightning.inference.model import Batches, Floats, Model
from ae_lightning.nn.losses import squared_error


class ImageModel(Model[ArrayLike, Floats]):
    """Images are ``(N, *shape)`` or flat ``(N, features)``; grey ones may be ``(N, h, w, 1)``.

    They are uint8 from 0 to 255 or floats from 0 to 1. Reconstructions are float32 ``(N, *shape)``
    in the same units; those of a linear net may leave [0, 1] a little (:func:`as_bytes` cuts them).
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """An image's."""
        return self.data.shape

    @property
    def n_features_in_(self) -> int:
        """Numbers of an image, by scikit-learn's name."""
        return self.data.features

    def batches(self, examples: ArrayLike) -> UnitImages:
        """Images as floats in [0, 1], flat: ``(N, features)``."""
        return unit_images(examples, self.shape)

    def prepared(self, split: str) -> UnitImages:
        """The prepared images of a split, flat."""
        return UnitImages(self.data.inputs(split))

    def decode(self, codes: ArrayLike) -> Floats:
        """Images ``(N, *shape)`` from codes ``(N, K)``."""
        return self._pictures(self._codes(codes), self.stack.decode)

    def reconstruct(self, examples: ArrayLike) -> Floats:
        """Images ``(N, *shape)`` as they come back from their codes."""
        return self._pictures(self.batches(examples), self.stack)

    @torch.inference_mode()
    def score(self, examples: ArrayLike, y: object = None) -> float:
        """Minus the squared error, summed over an image and averaged over the images."""
        rows, total = self._some(examples), 0.0
        for _, x in self._tensors(rows):
            target = self.stack.restore(self.stack.target(x))
            error = squared_error(self.stack.trace(x).logits, target, self.stack.restored)
            total += float(error) * len(x)
        return -total / len(rows)

    def _pictures(self, rows: Batches, function: Callable[[Tensor], Tensor]) -> Floats:
        return self._rows(rows, function, self.n_features_in_).reshape(-1, *self.shape)


def as_bytes(images: Floats) -> NDArray[np.uint8]:
    """Images in [0, 1] as uint8 from 0 to 255; what is beyond becomes the nearest end."""
    return np.rint(images.clip(0, 1) * 255).astype(np.uint8)
