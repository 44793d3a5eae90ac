"""PCA and LSA: linear autoencoders solved in closed form."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import vstack

from ae_lightning.config.layers import ActivationName
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import BatchIndices, loader, to_unit
from ae_lightning.nn import checkpoint
from ae_lightning.nn.input_transform import InputTransform
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.term_weighting import Weighting, kept_sparse

PCA_CHUNK = 2000


def pca_stack(
    data: PreparedDataset,
    components: int,
    first: InputTransform | None = None,
    activation: ActivationName = "linear",
) -> Stack:
    """PCA of the training and validation examples as one linear layer, the mean in its biases.

    ``code = W (x - mean)`` and ``x = W^T code + mean``: the linear autoencoder's closed form, of
    what ``first`` makes of the examples. Codes of ``unit`` length are decoded as if all had had the
    same length, their root mean square.
    """
    from sklearn.decomposition import PCA

    examples = np.concatenate([_examples(data, split, first) for split in ("train", "validation")])
    pca = PCA(components, svd_solver="covariance_eigh")
    pca.fit(examples)
    spec = DenseSpec(inputs=data.features, units=components, activation=activation, output="linear")
    weights = torch.from_numpy(pca.components_.astype(np.float32))
    mean = torch.from_numpy(pca.mean_.astype(np.float32))
    length = float(pca.explained_variance_.mean() ** 0.5) if activation == "unit" else 1.0
    stack = Stack(checkpoint.build([spec]).layers, first)
    layer = {
        "encoder.weight": weights,
        "encoder.bias": -weights @ mean,
        "decoder.weight": weights.T * length,
        "decoder.bias": mean,
    }
    stack.layers[0].load_state_dict(layer)
    return stack


@torch.inference_mode()
def _examples(
    data: PreparedDataset, split: str, first: InputTransform | None
) -> NDArray[np.float32]:
    """Examples ``(examples, features)`` as the layer gets them."""
    images = data.inputs(split)
    if first is None:
        return images.reshape(len(images), -1).astype(np.float32) / 255
    batches = loader(images, BatchIndices(len(images), PCA_CHUNK))
    return np.concatenate([first(to_unit(batch)).numpy() for batch in batches])


LSA_CHUNK = 2000


def lsa_stack(data: PreparedDataset, weighting: Weighting, components: int) -> Stack:
    """Truncated SVD of training and validation documents as one linear layer without biases.

    ``code = V^T x`` and ``x = V code`` (Deerwester et al. 1990).
    """
    from sklearn.decomposition import TruncatedSVD

    documents = vstack(
        [kept_sparse(weighting, data.counts(split)) for split in ("train", "validation")]
    )
    svd = TruncatedSVD(components, random_state=0).fit(documents)
    spec = DenseSpec(inputs=data.features, units=components, activation="linear", output="linear")
    stack = Stack(checkpoint.build([spec]).layers, weighting)
    weights = torch.from_numpy(svd.components_).float()
    layer = {
        "encoder.weight": weights,
        "encoder.bias": torch.zeros(components),
        "decoder.weight": weights.T,
        "decoder.bias": torch.zeros(data.features),
    }
    stack.layers[0].load_state_dict(layer)
    return stack
