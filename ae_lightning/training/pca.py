"""Principal component analysis as what it is: the linear autoencoder's closed form."""

import numpy as np
import torch
from sklearn.decomposition import PCA

from ae_lightning.data.prepared import Prepared
from ae_lightning.nn import storage
from ae_lightning.nn.dense import DenseSpec
from ae_lightning.nn.stack import Stack


def pca_stack(data: Prepared, components: int) -> Stack:
    """PCA of the training and validation examples as one linear layer, the mean in its biases.

    ``code = W (x - mean)`` and ``x = W^T code + mean``: the linear autoencoder's closed form.
    """
    examples = np.concatenate([data.inputs(split) for split in ("train", "validation")])
    pca = PCA(components, svd_solver="covariance_eigh")
    pca.fit(examples.reshape(len(examples), -1).astype(np.float32) / 255)
    spec = DenseSpec(inputs=data.features, units=components, activation="linear", output="linear")
    stack = storage.build([spec])
    weights = torch.from_numpy(pca.components_.astype(np.float32))
    mean = torch.from_numpy(pca.mean_.astype(np.float32))
    layer = {
        "encoder.weight": weights,
        "encoder.bias": -weights @ mean,
        "decoder.weight": weights.T,
        "decoder.bias": mean,
    }
    stack.layers[0].load_state_dict(layer)
    return stack
