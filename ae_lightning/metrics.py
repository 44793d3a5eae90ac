"""The figures of ``metrics.json``: how each is called, what it means, and which way is better."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from ae_lightning.evaluation.results import number

LABELS: tuple[int | Literal["all"], ...] = (100, 600, 1000, 3000, "all")
"""Numbers of labels that classifiers learn from."""


class Metric(NamedTuple):
    """A figure: its heading in tables, its meaning, digits after the point, and the better way."""

    label: str
    meaning: str
    digits: int
    better: Literal["low", "high", "none"]

    def best(self, values: Iterable[float]) -> float:
        """The best of some values of a figure that has a better way."""
        return min(values) if self.better == "low" else max(values)

    def text(self, value: float) -> str:
        """A value as tables show it."""
        return f"{value:.{self.digits}f}"


METRICS = {
    "code.size": Metric("code", "Numbers (or bits) in a code.", 0, "none"),
    "model.parameters": Metric("parameters", "Numbers that were learned, or solved for.", 0, "low"),
    "reconstruction.sse": Metric(
        "SSE",
        "Squared error summed over an image's values in [0, 1], mean over the test images.",
        2,
        "low",
    ),
    "reconstruction.mse": Metric("MSE", "SSE by value.", 5, "low"),
    "reconstruction.cross_entropy": Metric(
        "cross-entropy", "Nats per word of a test document, or per token.", 3, "low"
    ),
    "reconstruction.token_accuracy": Metric(
        "tokens",
        "Tokens of a test document that are guessed from its code and those before.",
        3,
        "high",
    ),
    "overfitting.gap": Metric("gap", "Test SSE less training SSE.", 2, "low"),
    "knn.accuracy@1": Metric(
        "1-NN",
        "Test examples whose nearest training code (Euclidean) has their class.",
        4,
        "high",
    ),
    "knn.accuracy@5": Metric(
        "5-NN",
        "Test examples whose five nearest training codes vote for their class.",
        4,
        "high",
    ),
    **{
        f"retrieval.precision@{k}": Metric(
            f"P@{k}",
            f"Share of the {k} training examples nearest to a test example that share its class or "
            "a topic.",
            4,
            "high",
        )
        for k in (1, 10, 100)
    },
    "retrieval.map": Metric(
        "MAP",
        "Mean over the test examples of the average precision among all training examples.",
        4,
        "high",
    ),
    "retrieval.hamming.precision@100": Metric(
        "bits P@100",
        "P@100 of codes cut to bits at the training median, by Hamming distance, all topics.",
        4,
        "high",
    ),
    "retrieval.hamming.main.precision@100": Metric(
        "bits P@100, main",
        "The same among documents of the 20 main topics, as published figures have it.",
        4,
        "high",
    ),
    "queries.share@10": Metric(
        "queries",
        "Of the ten documents nearest to a keyword query, the share with an expected topic.",
        4,
        "high",
    ),
    "embedding.trustworthiness": Metric(
        "trust",
        "Trustworthiness of a plane: are neighbours there neighbours in the data, 1 at best.",
        3,
        "high",
    ),
    "embedding.knn@5": Metric("2-D 5-NN", "5-NN of codes of two numbers.", 4, "high"),
    "jacobian.relative": Metric(
        "Jacobian", "How much a code changes with its image, relative to codes' spread.", 3, "low"
    ),
    "shift.relative": Metric(
        "shift",
        "How far a code moves with its image by a pixel, relative to codes' spread.",
        3,
        "low",
    ),
    "spread.within_box": Metric(
        "within ±2", "Share of codes with all numbers in [-2, 2].", 3, "none"
    ),
    "positions.bits": Metric("bits beside", "Bits an image that bypass the code.", 0, "none"),
    **{
        f"pretrained.error@{labels}.mean": Metric(
            f"error@{labels}",
            f"Wrong answers on the test part after learning from {labels} labels, mean over seeds.",
            4,
            "low",
        )
        for labels in LABELS
    },
    "training.seconds": Metric(
        "training, s",
        "Seconds of fine-tuning; of a classifier, those of all its trainings.",
        0,
        "low",
    ),
    "training.memory_mb": Metric(
        "memory, MB", "Most memory that the training held at once.", 0, "low"
    ),
}
"""Figures by their dotted path in ``metrics.json``, in the order of tables."""


def figures_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The figures that a ``metrics.json`` has, by their path in the order of :data:`METRICS`."""
    found = {path: number(metrics, path) for path in METRICS}
    return {path: value for path, value in found.items() if value is not None}
