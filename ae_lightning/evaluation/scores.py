"""Scores of a trained stack on a prepared dataset, as ``metrics.json`` names them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness

from ae_lightning.config import Environment
from ae_lightning.data.batches import to_unit
from ae_lightning.data.prepared import SPLITS, Prepared
from ae_lightning.evaluation.module import Evaluator
from ae_lightning.evaluation.ranking import score
from ae_lightning.evaluation.subspace import largest_angle
from ae_lightning.nn.stack import Stack

Metrics = dict[str, Any]

TRUST_EXAMPLES = 5000


@dataclass(frozen=True)
class Measured:
    """A stack on a dataset with its codes, computed once for scores and figures alike."""

    stack: Stack
    data: Prepared
    evaluator: Evaluator
    codes: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, stack: Stack, data: Prepared, environment: Environment) -> "Measured":
        """Compute the codes of every split."""
        evaluator = Evaluator(stack, environment)
        return cls(
            stack,
            data,
            evaluator,
            {split: evaluator.codes(data.inputs(split)) for split in SPLITS},
        )

    def reconstruction(self, split: str) -> dict[str, float]:
        """``sse`` and ``mse`` on a split."""
        return self.evaluator.reconstruction(self.data.inputs(split))


def score_test(codes: Mapping[str, NDArray[Any]], data: Prepared) -> Metrics:
    """``knn`` and ``retrieval``: test codes against those of training and validation together."""
    database = np.concatenate([codes["train"], codes["validation"]])
    labels = np.concatenate([data.labels("train"), data.labels("validation")])
    return score(codes["test"], data.labels("test"), database, labels)


def score_validation(measured: Measured) -> Metrics:
    """What choices are made by: validation errors, and scores against the training part."""
    codes, data = measured.codes, measured.data
    scores = score(
        codes["validation"], data.labels("validation"), codes["train"], data.labels("train")
    )
    return {"reconstruction": measured.reconstruction("validation"), **scores}


def pixel_scores(data: Prepared) -> Metrics:
    """Scores of the raw examples: the baseline that every variant on this dataset shares."""
    splits = {split: torch.from_numpy(np.array(data.inputs(split))) for split in SPLITS}
    return score_test({split: to_unit(array).numpy() for split, array in splits.items()}, data)


def embedding_scores(measured: Measured, accuracy: float) -> Metrics:
    """``trustworthiness`` of 2-D codes (Venna & Kaski 2001) beside their 5-NN ``accuracy``.

    Five neighbours, first 5,000 test examples, against Euclidean distances between pixels.
    """
    pixels = measured.data.inputs("test")[:TRUST_EXAMPLES].astype(np.float32) / 255
    codes = measured.codes["test"][:TRUST_EXAMPLES]
    trust = trustworthiness(pixels.reshape(len(pixels), -1), codes, n_neighbors=5)
    return {"trustworthiness": float(trust), "knn@5": accuracy}


def is_linear(stack: Stack) -> bool:
    """Whether the stack is one linear layer, so that PCA is its optimum."""
    return [(spec.activation, spec.output) for spec in stack.specs] == [("linear", "linear")]


@torch.inference_mode()
def directions(stack: Stack) -> NDArray[np.float32]:
    """What one more of each number of the code adds to a linear decoder's output.

    ``(code, features)``: the rows span the subspace of all reconstructions.
    """
    units = stack.specs[-1].units
    zero = stack.decode(torch.zeros(1, units))
    return (stack.decode(torch.eye(units)) - zero).numpy()


def scores(measured: Measured, pca: Measured, baseline: Metrics) -> Metrics:
    """All of a variant's ``metrics.json``; ``pca`` is PCA of the same code size."""
    test, train = measured.reconstruction("test"), measured.reconstruction("train")
    metrics: Metrics = {
        "reconstruction": test,
        **score_test(measured.codes, measured.data),
        "code": {"size": measured.codes["test"].shape[1]},
        "model": {"parameters": sum(p.numel() for p in measured.stack.parameters())},
        "train": {"reconstruction": train},
        "overfitting": {"gap": test["sse"] - train["sse"]},
        "validation": score_validation(measured),
        "baseline": {
            **baseline,
            "pca": {
                "reconstruction": pca.reconstruction("test"),
                **score_test(pca.codes, pca.data),
            },
        },
    }
    if metrics["code"]["size"] == 2:
        metrics["embedding"] = embedding_scores(measured, metrics["knn"]["accuracy@5"])
    if is_linear(measured.stack):
        angle = largest_angle(directions(measured.stack), directions(pca.stack))
        metrics["subspace"] = {"largest_angle": angle}
    return metrics
