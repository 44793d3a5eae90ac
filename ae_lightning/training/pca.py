"""Principal component analysis as what it is: the linear autoencoder's closed form."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from ae_lightning.data.batches import BatchIndices, loader, to_unit
from ae_lightning.data.prepared import Prepared
from ae_lightning.items import ActivationName
from ae_lightning.nn import storage
from ae_lightning.nn.dense import DenseSpec
from ae_lightning.nn.first import FirstStep
from ae_lightning.nn.stack import Stack

CHUNK = 2000


def pca_stack(
    data: Prepared,
    components: int,
    first: FirstStep | None = None,
    activation: ActivationName = "linear",
) -> Stack:
    """PCA of the training and validation examples as one linear layer, the mean in its biases.

    ``code = W (x - mean)`` and ``x = W^T code + mean``: the linear autoencoder's closed form, of
    what ``first`` makes of the examples. Codes of ``unit`` length are decoded as if all had had the
    same length, their root mean square.
    """
    examples = np.concatenate([_examples(data, split, first) for split in ("train", "validation")])
    pca = PCA(components, svd_solver="covariance_eigh")
    pca.fit(examples)
    spec = DenseSpec(inputs=data.features, units=components, activation=activation, output="linear")
    weights = torch.from_numpy(pca.components_.astype(np.float32))
    mean = torch.from_numpy(pca.mean_.astype(np.float32))
    length = float(pca.explained_variance_.mean() ** 0.5) if activation == "unit" else 1.0
    stack = Stack(storage.build([spec]).layers, first)
    layer = {
        "encoder.weight": weights,
        "encoder.bias": -weights @ mean,
        "decoder.weight": weights.T * length,
        "decoder.bias": mean,
    }
    stack.layers[0].load_state_dict(layer)
    return stack


@torch.inference_mode()
def _examples(data: Prepared, split: str, first: FirstStep | None) -> NDArray[np.float32]:
    """Examples ``(examples, features)`` as the layer gets them."""
    images = data.inputs(split)
    if first is None:
        return images.reshape(len(images), -1).astype(np.float32) / 255
    batches = loader(images, BatchIndices(len(images), CHUNK))
    return np.concatenate([first(to_unit(batch)).numpy() for batch in batches])
