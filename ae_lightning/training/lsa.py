"""Latent semantic analysis as a linear layer: what PCA is for images, for weighted words."""

import torch
from scipy.sparse import vstack
from sklearn.decomposition import TruncatedSVD

from ae_lightning.data.prepared import Prepared
from ae_lightning.nn import storage
from ae_lightning.nn.dense import DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.weights import Weighting, kept_sparse

CHUNK = 2000


def lsa_stack(data: Prepared, weighting: Weighting, components: int) -> Stack:
    """Truncated SVD of training and validation documents as one linear layer without biases.

    ``code = V^T x`` and ``x = V code`` (Deerwester et al. 1990).
    """
    documents = vstack(
        [kept_sparse(weighting, data.counts(split)) for split in ("train", "validation")]
    )
    svd = TruncatedSVD(components, random_state=0).fit(documents)
    spec = DenseSpec(inputs=data.features, units=components, activation="linear", output="linear")
    stack = Stack(storage.build([spec]).layers, weighting)
    weights = torch.from_numpy(svd.components_).float()
    layer = {
        "encoder.weight": weights,
        "encoder.bias": torch.zeros(components),
        "decoder.weight": weights.T,
        "decoder.bias": torch.zeros(data.features),
    }
    stack.layers[0].load_state_dict(layer)
    return stack
