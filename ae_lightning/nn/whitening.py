"""Whitening of images by a share: directions in which images vary much are damped.

Legend: ``x`` (batch, features) in [0, 1], ``mean`` (features,) and ``C = U diag(l) U^T`` mean and
covariance of the training images.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ae_lightning.nn.input_transform import InputTransform

FLOOR = 1e-3
"""Added to every variance: directions that hardly vary are noise, and stay small."""


class Whitening(InputTransform):
    """``y = W (x - mean)`` with ``W = c U diag((l + FLOOR)^-share) U^T``, and back.

    ``share`` 0 only centres, 1/2 is ZCA whitening (Bell & Sejnowski 1997; Krizhevsky 2009, appendix
    A); between them fine structure counts beside the coarse, without amplified noise. ``c`` makes
    the mean variance of ``y`` 1.
    """

    mean: Tensor
    matrix: Tensor
    inverse: Tensor

    def __init__(self, mean: Tensor, matrix: Tensor, inverse: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("matrix", matrix)
        self.register_buffer("inverse", inverse)

    @classmethod
    def of(
        cls, mean: NDArray[np.float64], covariance: NDArray[np.float64], share: float
    ) -> "Whitening":
        """The transform for data of that ``mean`` (features,) and ``covariance``."""
        variances, directions = np.linalg.eigh(covariance)
        variances = variances.clip(min=0)
        scale = (variances + FLOOR) ** -share
        scale /= np.sqrt((variances * scale**2).mean()) or 1
        return cls(
            torch.from_numpy(mean).float(),
            torch.from_numpy((directions * scale) @ directions.T).float(),
            torch.from_numpy((directions / scale) @ directions.T).float(),
        )

    @property
    def units(self) -> int:
        """Numbers of an image."""
        return len(self.mean)

    def forward(self, x: Tensor) -> Tensor:
        """Whitened images ``(batch, features)``, which vary around 0."""
        return (x - self.mean) @ self.matrix

    def restore(self, y: Tensor) -> Tensor:
        """Whitened images ``(batch, features)`` as they were, around the mean image."""
        return y @ self.inverse + self.mean
