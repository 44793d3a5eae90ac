"""The columns of the table of all variants: definitions, formats, and which way is better."""

from typing import Any, Literal, NamedTuple

Better = Literal["low", "high", "none"]


class Column(NamedTuple):
    """A quantity: how it is called, defined and shown, and which way is better.

    ``path`` is its place in a variant's metrics; an ``error`` is 1 less the share there.
    ``percent`` shows a share in per cent, with ``digits`` after the point.
    """

    key: str
    label: str
    title: str
    digits: int = 0
    percent: bool = False
    better: Better = "none"
    path: str = ""
    error: bool = False


FEW = (100, 600, 1000, 3000)

COLUMNS = (
    Column("code", "code", "Numbers (or bits) in a code.", path="code.size"),
    Column(
        "parameters",
        "parameters",
        "Numbers that were learned, or solved for.",
        better="low",
        path="model.parameters",
    ),
    Column(
        "sse",
        "SSE",
        "Squared error summed over an image's values in [0, 1], mean over the test images.",
        2,
        better="low",
        path="reconstruction.sse",
    ),
    Column("gap", "gap", "Test SSE less training SSE.", 2, better="low", path="overfitting.gap"),
    Column(
        "nearest",
        "1-NN error",
        "Test examples whose nearest training code (Euclidean) has another class.",
        2,
        percent=True,
        better="low",
        path="knn.accuracy@1",
        error=True,
    ),
    Column(
        "five",
        "5-NN",
        "Test examples whose five nearest training codes vote for their class.",
        1,
        percent=True,
        better="high",
        path="knn.accuracy@5",
    ),
    *(
        Column(
            f"precision_{k}",
            f"P@{k}",
            f"Share of the {k} training examples nearest to a test example that share its class or "
            "a topic.",
            3,
            better="high",
            path=f"retrieval.precision@{k}",
        )
        for k in (10, 100)
    ),
    Column(
        "map",
        "MAP",
        "Mean over the test examples of the average precision among all training examples.",
        3,
        better="high",
        path="retrieval.map",
    ),
    Column(
        "hamming",
        "bits P@100",
        "P@100 of codes cut to bits at the training median, by Hamming distance, all topics.",
        3,
        better="high",
        path="retrieval.hamming.precision@100",
    ),
    Column(
        "hamming_main",
        "bits P@100, main",
        "The same among documents of the 20 main topics, as published figures have it.",
        3,
        better="high",
        path="retrieval.hamming.main.precision@100",
    ),
    Column(
        "trustworthiness",
        "trust",
        "Trustworthiness of a plane: are neighbours there neighbours in the data, 1 at best.",
        3,
        better="high",
        path="embedding.trustworthiness",
    ),
    *(
        Column(
            f"error_{labels}",
            f"error, {labels if isinstance(labels, str) else f'{labels:,}'} labels",
            f"Wrong answers on the test part after learning from {labels} labels, mean over seeds.",
            2,
            percent=True,
            better="low",
        )
        for labels in (*FEW, "all")
    ),
    Column(
        "short",
        "SSE, short",
        "Test SSE of the repeats: the same variant from several seeds in few epochs (a budget of "
        "its own), mean.",
        2,
        better="low",
    ),
    Column(
        "seconds",
        "training, s",
        "Seconds of fine-tuning; a classifier's are the mean of its trainings, whatever the start.",
        better="low",
        path="training.seconds",
    ),
    Column(
        "pretraining",
        "pretraining, s",
        "Seconds that the layers below took, which other variants may share.",
        better="low",
    ),
    Column(
        "memory",
        "memory, MB",
        "Most memory that the training held at once.",
        better="low",
        path="training.memory_mb",
    ),
)

SHOWN = ("key", "label", "title", "digits", "percent", "better")


def columns() -> list[dict[str, Any]]:
    """The columns as plain values, without where their figures come from."""
    return [{field: getattr(column, field) for field in SHOWN} for column in COLUMNS]
