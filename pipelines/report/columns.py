"""The columns of the table of all variants: definitions, formats, and which way is better."""

from typing import Any, NamedTuple

from ae_lightning.metrics import LABELS, METRICS


class Column(NamedTuple):
    """A quantity: how it is called, defined and shown, and which way is better.

    ``path`` is its place in a variant's metrics; an ``error`` is 1 less the share there.
    ``percent`` shows a share in per cent, with ``digits`` after the point.
    """

    key: str
    label: str
    title: str
    digits: int = 0
    better: str = "low"
    path: str = ""
    percent: bool = False
    error: bool = False

    @classmethod
    def of(cls, key: str, metric: str, **changes: Any) -> "Column":
        """The column of the metric at a path, with some changes."""
        return cls(key, *METRICS[metric], metric)._replace(**changes)


COLUMNS = (
    Column.of("code", "code.size"),
    Column.of("parameters", "model.parameters"),
    Column.of("sse", "reconstruction.sse"),
    Column.of("gap", "overfitting.gap"),
    Column.of(
        "nearest",
        "knn.accuracy@1",
        label="1-NN error",
        title="Test examples whose nearest training code (Euclidean) has another class.",
        digits=2,
        better="low",
        percent=True,
        error=True,
    ),
    Column.of("five", "knn.accuracy@5", percent=True, digits=1),
    *(Column.of(f"precision_{k}", f"retrieval.precision@{k}") for k in (10, 100)),
    Column.of("map", "retrieval.map"),
    Column.of("hamming", "retrieval.hamming.precision@100"),
    Column.of("hamming_main", "retrieval.hamming.main.precision@100"),
    Column.of("trustworthiness", "embedding.trustworthiness"),
    *(
        Column.of(
            f"error_{labels}",
            f"pretrained.error@{labels}.mean",
            label=f"error, {labels if isinstance(labels, str) else f'{labels:,}'} labels",
            digits=2,
            percent=True,
            path="",  # there is one for each start
        )
        for labels in LABELS
    ),
    Column(
        "short",
        "SSE, short",
        "Test SSE of the repeats: the same variant from several seeds in few epochs (a budget of "
        "its own), mean.",
        2,
    ),
    Column.of(
        "seconds",
        "training.seconds",
        title="Seconds of fine-tuning; a classifier's are the mean of its trainings, whatever the "
        "start.",
    ),
    Column(
        "pretraining",
        "pretraining, s",
        "Seconds that the layers below took, which other variants may share.",
    ),
    Column.of("memory", "training.memory_mb"),
)

SHOWN = ("key", "label", "title", "digits", "percent", "better")


def columns() -> list[dict[str, Any]]:
    """The columns as plain values, without where their figures come from."""
    return [{field: getattr(column, field) for field in SHOWN} for column in COLUMNS]
