"""Scores of a trained stack on a prepared dataset, as ``metrics.json`` names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ae_lightning.config.environment import Environment
from ae_lightning.data.concat import ConcatenatedArrays
from ae_lightning.data.prepared import SPLITS, PreparedDataset
from ae_lightning.evaluation.evaluator import Evaluator
from ae_lightning.evaluation.metrics.ranking import score
from ae_lightning.evaluation.metrics.subspace import largest_angle
from ae_lightning.evaluation.metrics.trust import trust
from ae_lightning.nn.stack import Stack

Metrics = dict[str, Any]

TRUST_EXAMPLES = 5000
QUERIES = 10_000


@dataclass(frozen=True)
class EncodedImages:
    """A stack on a dataset with its codes, computed once for scores and figures alike.

    ``errors`` (``sse`` and ``mse``) are those of the splits that were decoded as well.
    """

    stack: Stack
    data: PreparedDataset
    codes: dict[str, NDArray[Any]]
    errors: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        stack: Stack,
        data: PreparedDataset,
        environment: Environment,
        decoded: Sequence[str] = ("test",),
        seen: int | None = None,
    ) -> "EncodedImages":
        """Compute the codes of every split; those that are the images stay bytes on disk.

        The splits that are ``decoded`` have their errors measured in the same pass, the training
        part by at most ``seen`` of its images. All processes take part.
        """
        evaluator, errors = Evaluator(stack, environment), {}
        bare = not stack.layers and stack.first is None
        codes: dict[str, NDArray[Any]] = dict(pixels(data)) if bare else {}
        for split in SPLITS:
            images = data.inputs(split)
            few = spread_out(images, seen if split == "train" else None)
            if split in decoded and few is images and not bare:
                codes[split], errors[split] = evaluator.codes_and_reconstruction(images)
                continue
            if not bare:
                codes[split] = evaluator.codes(images)
            if split in decoded:
                errors[split] = evaluator.reconstruction(few)
        return cls(stack, data, codes, errors)


def spread_out(array: NDArray[Any], most: int | None) -> NDArray[Any]:
    """Every n-th example ``(examples, ...)``, so that at most ``most`` are left."""
    if most is None or len(array) <= most:
        return array
    return array[:: -(-len(array) // most)]


def pixels(data: PreparedDataset) -> dict[str, NDArray[np.uint8]]:
    """Images of every split as flat bytes ``(examples, features)``, memory-mapped."""
    return {split: data.inputs(split).reshape(-1, data.features) for split in SPLITS}


def score_test(codes: Mapping[str, NDArray[Any]], data: PreparedDataset) -> Metrics:
    """``knn`` and ``retrieval``: test codes against those of training and validation together.

    Queries are at most 10,000 test examples, evenly spread.
    """
    return _score(codes, data, "test", ("train", "validation"))


def _score(
    codes: Mapping[str, NDArray[Any]], data: PreparedDataset, queries: str, database: Sequence[str]
) -> Metrics:
    """Scores of one split's codes among others'; {} without labels."""
    if not data.labelled:
        return {}
    labels = np.concatenate([data.labels(split) for split in database])
    asked, wanted = (spread_out(array, QUERIES) for array in (codes[queries], data.labels(queries)))
    return score(asked, wanted, ConcatenatedArrays([codes[split] for split in database]), labels)


def score_validation(measured: EncodedImages) -> Metrics:
    """Scores for model selection: validation errors, and retrieval against the training part."""
    scores = _score(measured.codes, measured.data, "validation", ("train",))
    return {"reconstruction": measured.errors["validation"], **scores}


def pixel_scores(data: PreparedDataset) -> Metrics:
    """Scores of the raw examples: the baseline that every variant on this dataset shares."""
    return score_test(pixels(data), data)


def embedding_scores(measured: EncodedImages) -> Metrics:
    """``trustworthiness`` of 2-D codes (Venna & Kaski 2001).

    Five neighbours, first 5,000 test examples, against Euclidean distances between pixels.
    """
    images = measured.data.inputs("test")[:TRUST_EXAMPLES].astype(np.float32) / 255
    codes = measured.codes["test"][:TRUST_EXAMPLES]
    return {"trustworthiness": trust(images.reshape(len(images), -1), codes)}


def is_linear(stack: Stack) -> bool:
    """Whether the stack is one linear layer of the raw examples, so that PCA is its optimum."""
    kinds = [(spec.activation, spec.output) for spec in stack.specs]
    return stack.first is None and kinds == [("linear", "linear")]


@torch.inference_mode()
def directions(stack: Stack) -> NDArray[np.float32]:
    """Change of a linear decoder's output per unit of each number of the code.

    ``(code, features)``: the rows span the subspace of all reconstructions.
    """
    units = stack.specs[-1].units
    zero = stack.decode(torch.zeros(1, units))
    return (stack.decode(torch.eye(units)) - zero).numpy()


def scores(measured: EncodedImages, baseline: Metrics, pca: Stack | None) -> Metrics:
    """All of a variant's ``metrics.json`` but its claims; ``pca`` is PCA of the same code size.

    Without labels there are no ``knn`` and ``retrieval``.
    """
    test, train = measured.errors["test"], measured.errors["train"]
    metrics: Metrics = {
        "reconstruction": test,
        **score_test(measured.codes, measured.data),
        "code": {"size": measured.codes["test"].shape[1]},
        "model": {"parameters": sum(p.numel() for p in measured.stack.parameters())},
        "train": {"reconstruction": train},
        "overfitting": {"gap": test["sse"] - train["sse"]},
        "validation": score_validation(measured),
        "baseline": baseline,
    }
    if metrics["code"]["size"] == 2:
        accuracy = {"knn@5": metrics["knn"]["accuracy@5"]} if "knn" in metrics else {}
        metrics["embedding"] = embedding_scores(measured) | accuracy
    if pca and is_linear(measured.stack):
        angle = largest_angle(directions(measured.stack), directions(pca))
        metrics["subspace"] = {"largest_angle": angle}
    return metrics
