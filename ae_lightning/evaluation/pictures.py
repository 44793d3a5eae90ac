"""Which pictures a variant gets, and the examples on them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from ae_lightning.data.batches import to_unit
from ae_lightning.evaluation import figures
from ae_lightning.evaluation.claim_pictures import claim_pictures
from ae_lightning.evaluation.curves import read_curve
from ae_lightning.evaluation.scores import Measured, is_linear
from ae_lightning.nn.stack import Stack

TSNE_EXAMPLES = 3000
PLOTTED = 5000


def pictures(name: str, measured: Measured, pca: Measured, curve: Path) -> dict[str, Figure]:
    """The variant's figures by file name; learning curves only where something was learned."""
    data, labels = measured.data, measured.data.labels("test")
    chosen = np.unique(labels, return_index=True)[1]  # one of each class that is there
    images = to_unit(torch.from_numpy(data.inputs("test")[chosen]))
    rows = {"original": images.numpy(), name: _reconstruct(measured.stack, images)}
    if not is_linear(measured.stack):
        rows[f"PCA, {pca.codes['test'].shape[1]} numbers"] = _reconstruct(pca.stack, images)
    points, title = embedding(measured.codes["test"])
    drawn = {
        "reconstructions": figures.reconstructions(rows, data.shape),
        "codes": figures.scatter(points, labels[: len(points)], data.classes, f"{name}: {title}"),
    }
    if learned := read_curve(curve):
        drawn["learning_curves"] = figures.learning_curves({name: learned})
    return drawn | claim_pictures(name, measured, images)


def embedding(codes: NDArray[Any], what: str = "images") -> tuple[NDArray[Any], str]:
    """Points ``(examples, 2)`` to draw: 2-D codes themselves, t-SNE of a part of longer ones.

    Their title says how many of ``what`` they are.
    """
    if codes.shape[1] == 2:
        return codes[:PLOTTED], f"2-D codes of {min(PLOTTED, len(codes)):,} test {what}"
    part = codes[:TSNE_EXAMPLES]
    points = TSNE(random_state=0, init="pca", perplexity=min(30, len(part) / 4)).fit_transform(part)
    return points, f"t-SNE of the codes of {len(part):,} test {what}"


@torch.inference_mode()
def _reconstruct(stack: Stack, images: torch.Tensor) -> NDArray[Any]:
    return stack(images).clamp(0, 1).numpy()
