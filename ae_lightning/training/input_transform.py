"""Fitting of an item's input transform, from its configuration and its training data."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import vstack

from ae_lightning.config.layers import Layer, WeightsName
from ae_lightning.config.variants import Variant
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import to_unit
from ae_lightning.errors import UserError
from ae_lightning.nn.input_transform import InputTransform
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.term_weighting import Weighting
from ae_lightning.nn.whitening import Whitening

CHUNK = 2000
MOST = 12_288
"""Numbers of an image (64 x 64 in colour) up to which its covariance is solved for: in minutes."""


def fit_input_transform(
    item: Layer | Variant, data: PreparedDataset, below: Stack
) -> InputTransform | None:
    """The input transform that ``item`` configures, otherwise that of the stack below."""
    if item.weights is not None:
        return weighting(item.weights, data)
    return below.first if item.whiten is None else whitening(data, item.whiten)


def whitening(data: PreparedDataset, share: float) -> Whitening:
    """Whitening by ``share`` of images as the training and validation part vary.

    Raises:
        UserError: if images are so large that their covariance cannot be solved for.
    """
    if data.features > MOST:
        raise UserError(
            f"params.yaml: whiten: images of at most {MOST:,} values can be whitened, found "
            f"{data.features:,} in {data.folder}; prepare them smaller or remove whiten"
        )
    return Whitening.of(*moments(data), share)


def moments(data: PreparedDataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean ``(features,)`` and covariance ``(features, features)`` of images in [0, 1]."""
    count, total = 0, torch.zeros(data.features, dtype=torch.float64)
    products = torch.zeros(data.features, data.features, dtype=torch.float64)
    for split in ("train", "validation"):
        images = data.inputs(split)
        for start in range(0, len(images), CHUNK):
            x = to_unit(torch.from_numpy(np.array(images[start : start + CHUNK]))) - 0.5
            total += x.double().sum(0)
            products += (x.mT @ x).double()  # exact enough a chunk at a time, and twice as fast
            count += len(x)
    mean = total / count
    covariance = products / count - torch.outer(mean, mean)
    return (mean + 0.5).numpy(), covariance.numpy()


def weighting(weights: WeightsName, data: PreparedDataset) -> Weighting:
    """Term weighting, with the ``idf`` of all documents that are not test.

    ``idf = ln((1 + n) / (1 + df)) + 1`` for ``n`` documents of which ``df`` have the term.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    counts = vstack([data.counts(split).matrix for split in ("train", "validation")])
    idf = TfidfTransformer().fit(counts).idf_
    return Weighting(weights, torch.from_numpy(idf).float())
