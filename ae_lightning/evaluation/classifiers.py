"""A classifier's errors on the test part: by start and number of labels, over seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from ae_lightning.config.classifiers import Run
from ae_lightning.config.environment import Environment
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import Array, in_memory, in_order, loader, to_unit
from ae_lightning.evaluation.errors_by_labels import Errors, Metrics, curve_of, differences, seeds
from ae_lightning.evaluation.figures.label_budget import error_curves, mistakes
from ae_lightning.evaluation.seeds import spread
from ae_lightning.files import replaced, rounded, write_json
from ae_lightning.nn.classifier import Classifier, ClassifierCheckpoint
from ae_lightning.training.callbacks import OwnSignals
from ae_lightning.training.run_record import read_epochs
from ae_lightning.training.trainer import trainer_settings

BATCH = 2000
SHOWN = 20
"""Most often misclassified images that are drawn."""


class ClassifierPrediction(lightning.LightningModule):
    """Predictions of a classifier, in full precision."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def predict_step(self, batch: Tensor) -> Tensor:
        """Logits ``(batch, classes)`` of raw images."""
        return self.classifier(to_unit(batch))


def answers(classifier: Classifier, images: Array, environment: Environment) -> NDArray[np.intp]:
    """The likeliest class of each of ``images`` ``(examples, *shape)``."""
    settings = trainer_settings(environment.single()) | {"precision": "32-true"}
    trainer = lightning.Trainer(
        logger=False, enable_checkpointing=False, callbacks=[OwnSignals()], **settings
    )
    batches: Any = trainer.predict(
        ClassifierPrediction(classifier), loader(images, in_order(len(images), BATCH, 0, 1))
    )
    return np.concatenate([batch.argmax(1).numpy() for batch in batches])


def grade(
    name: str,
    stored: ClassifierCheckpoint,
    data: PreparedDataset,
    environment: Environment,
    curve: Path,
    folder: Path,
) -> Metrics:
    """Measure all runs of classifier ``name`` and write ``metrics.json`` and figures.

    For each start ``error@LABELS`` has the share of wrong answers, mean and standard deviation
    over seeds. ``difference`` has :func:`paired` of the random start and each other one, ``runs``
    the error of every run. ``validation`` is that of the runs with all labels, ``training.seconds``
    those of all runs together.
    """
    images = in_memory(data.inputs("test"), environment.memory_limit_mb)
    labels = np.asarray(data.labels("test"))
    said: dict[Run, NDArray[np.intp]] = {}
    errors: dict[Run, float] = {}
    for key, values in stored.runs.items():
        run = Run(**values)
        said[run] = answers(stored.load(key), images, environment)
        errors[run] = float((said[run] != labels).mean())
    epochs = read_epochs(curve)
    last = {run: rows[-1] for run, rows in epochs.items()}
    validated = {run: row["val/error"] for run, row in last.items() if "val/error" in row}
    net = stored.load(stored.best)
    metrics: Metrics = rounded(
        {
            **by_start(errors),
            "difference": differences(errors),
            "validation": by_start(validated),
            "model": {"parameters": parameters(net)},
            "labels": {"all": sum(len(data.labels(split)) for split in ("train", "validation"))},
            "training": {"seconds": sum(row["seconds"] for row in last.values())},
            "runs": {str(run): error for run, error in errors.items()},
        }
    )
    curves = {start: curve_of(metrics, start) for start in by_start(errors)}
    with replaced(folder) as partial:
        (partial / "figures").mkdir()
        figure = error_curves(curves, data.folder.name)
        figure.savefig(partial / "figures" / "errors.png", metadata={"Software": None})
        figure = mistakes(_hardest(said, labels), data)
        figure.savefig(partial / "figures" / "mistakes.png", metadata={"Software": None})
        write_json(metrics, partial / "metrics.json")
    return metrics


def parameters(net: Classifier) -> int:
    """Number of parameters of the encoder and the last layer; decoders do not count."""
    decoders = ("decoder", "decoder_bias")
    return sum(
        parameter.numel()
        for name, parameter in net.named_parameters()
        if not any(part in decoders for part in name.split("."))
    )


def by_start(errors: Errors) -> Metrics:
    """``{start: {"error@LABELS": spread over seeds}}``."""
    found: Metrics = {}
    for start, labels in dict.fromkeys((run.start, run.labels) for run in errors):
        values = list(seeds(errors, start, labels).values())
        found.setdefault(start, {})[f"error@{labels}"] = spread(values)
    return found


def _hardest(
    said: Mapping[Run, NDArray[np.intp]], labels: NDArray[Any]
) -> Sequence[tuple[int, int, int]]:
    """Most often misclassified images of runs with most labels: place, class, majority answer."""
    most = [*said][-1].labels
    votes = np.stack([answer for run, answer in said.items() if run.labels == most])
    wrong = (votes != labels).sum(0)
    places = np.argsort(-wrong, kind="stable")[:SHOWN]
    return [
        (int(place), int(labels[place]), int(stats.mode(votes[:, place]).mode))
        for place in places
        if wrong[place]
    ]
