"""Inference with a classifier: codes, classes and probabilities of images by its best run.

Legend: N images, C classes.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from ae_lightning.artifacts import ARTIFACTS, CLASSIFIERS, within
from ae_lightning.config.classifiers import load_classifiers
from ae_lightning.config.params import pick
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.errors import UserError
from ae_lightning.inference.artifacts import ModelArtifacts
from ae_lightning.inference.checks import checked_labels
from ae_lightning.inference.images import ImageModel
from ae_lightning.inference.model import Floats
from ae_lightning.inference.model_files import (
    check_classifier,
    check_finite,
    open_prepared,
    read_model,
)
from ae_lightning.inference.verify import check_recorded
from ae_lightning.nn.classifier import ClassifierCheckpoint


class ClassifierModel(ClassifierMixin, ImageModel):
    """Images as in :class:`ImageModel`; codes are the inputs of the last layer.

    ``run`` is the training whose net this is; without it the one with the most labels.
    """

    def __init__(
        self, stored: ClassifierCheckpoint, data: PreparedDataset, run: str | None = None
    ) -> None:
        self.net = stored.load(run or stored.best)
        super().__init__(ModelArtifacts(stored.folder, self.net.stack, data))
        self.run = run or stored.best

    @property
    def classes_(self) -> NDArray[Any]:
        """Names of the classes ``(C,)``, by scikit-learn's name."""
        return np.array(self.data.classes)

    def predict_proba(self, examples: ArrayLike) -> Floats:
        """Probability of each class, ``(N, C)``."""
        rows = self.batches(examples)
        return self._rows(rows, lambda x: self.net(x).softmax(1), len(self.data.classes))

    def predict(self, examples: ArrayLike) -> NDArray[Any]:
        """Names of the likeliest classes ``(N,)``."""
        found: NDArray[Any] = self.classes_[self.predict_proba(examples).argmax(1)]
        return found

    def score(
        self, examples: ArrayLike, y: object = None, sample_weight: NDArray[Any] | None = None
    ) -> float:
        """Share of right answers; ``y`` ``(N,)`` has the numbers or the names of the classes.

        With ``sample_weight`` ``(N,)`` examples count by it.

        Raises:
            UserError: ``y`` is absent, of another length, or has classes that there are not.
        """
        labels = checked_labels(y, len(self._some(examples)), self.data.classes)
        right = self.predict_proba(examples).argmax(1) == labels
        return float(np.average(right, weights=sample_weight))

    def decode(self, codes: ArrayLike) -> NoReturn:
        """Raise a UserError: the encoder was trained further, its decoder was not."""
        raise UserError(
            f"{self.name}: a classifier's codes cannot be decoded; use an autoencoder (ae list)"
        )

    def reconstruct(self, examples: ArrayLike) -> NoReturn:
        """Raise a UserError, as :meth:`decode` does."""
        self.decode(examples)


def is_classifier(name: str, artifacts: Path) -> bool:
    """Whether params.yaml beside ``artifacts``, or what is in it, has a classifier of that name."""
    if (within(artifacts, CLASSIFIERS, name) / "model.json").exists():
        return True
    params = artifacts.parent / "params.yaml"
    return params.exists() and name in load_classifiers(params)


def open_classifier(
    name: str, artifacts: Path = ARTIFACTS, run: str | None = None, *, verify: bool = True
) -> ClassifierModel:
    """Load a classifier, or one ``run`` of it (``random-100-0``).

    Raises:
        UserError: there is no such classifier or run (the nearest names are offered), it was not
            trained, or its files are absent or altered.
    """
    folder, params = within(artifacts, CLASSIFIERS, name), artifacts.parent / "params.yaml"
    if not (folder / "model.json").exists():
        known = load_classifiers(params) if params.exists() else {}
        pick(known, name, "classifier")
        raise UserError(f"{folder}: not trained yet; run: ae flow {name}")
    stage = f"supervise@{name}"
    data = open_prepared(artifacts, read_model(folder, stage)["data"])
    if verify:
        check_recorded(folder, stage)
        check_recorded(data.folder / "meta.json", f"prepare@{data.folder.name}")
    check_classifier(folder, None, stage)
    stored = ClassifierCheckpoint.open(folder)
    if run is not None and run not in stored.runs:
        near = get_close_matches(run, stored.runs) or [stored.best]
        raise UserError(
            f"{folder}: unknown run {run!r}; there is {', '.join(near)} among {len(stored.runs)}"
        )
    if run is not None:
        check_classifier(folder, run, stage)
    model = ClassifierModel(stored, data, run)
    check_finite(model.net, folder, stage)
    return model
