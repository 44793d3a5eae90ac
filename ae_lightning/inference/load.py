"""Loading of a model by its name; its files must have the hashes that DVC recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.tokenize import FIRST_WORD
from ae_lightning.errors import UserError
from ae_lightning.inference.artifacts import ModelArtifacts, open_variant, stale
from ae_lightning.inference.classifier_model import is_classifier, open_classifier
from ae_lightning.inference.documents import DocumentModel
from ae_lightning.inference.images import ImageModel
from ae_lightning.inference.model import Model
from ae_lightning.inference.sequences import SequenceModel
from ae_lightning.inference.verify import check_recorded
from ae_lightning.nn.stack import Stack

MODELS: dict[str, Callable[[ModelArtifacts], Model[Any, Any]]] = {
    "images": ImageModel,
    "documents": DocumentModel,
    "sequences": SequenceModel,
}
"""Model class by the kind of examples."""


def load(name: str, artifacts: str | Path = ARTIFACTS, *, verify: bool = True) -> Model[Any, Any]:
    """See :func:`ae_lightning.load`."""
    root = Path(artifacts)
    if not root.is_dir():
        raise UserError(
            f"{root}: no such folder; go to the project's, or give its artifacts: "
            f"load({name!r}, 'PROJECT/artifacts')"
        )
    if is_classifier(name, root):
        return open_classifier(name, root, verify=verify)
    trained = open_variant(name, root, verify=check_recorded if verify else None)
    _check_fits(trained)
    return MODELS[kind(trained)](trained)


def kind(trained: ModelArtifacts) -> str:
    """Kind of a variant's examples: images, documents or sequences."""
    return "sequences" if trained.stack.takes_sequences else trained.data.examples


def _check_fits(trained: ModelArtifacts) -> None:
    data, stack = trained.data, trained.stack
    there, what = _features(trained), "terms" if data.of_documents else "numbers"
    if (takes := _takes(stack) or there) != there:
        raise stale(trained, f"the {there:,} {what} of an example", f"{takes:,}")


def _takes(stack: Stack) -> int:
    """Input features of a stack, or ids of tokens; 0 if it takes any number."""
    return stack.layers[0].spec.inputs if stack.layers else stack.units


def _features(trained: ModelArtifacts) -> int:
    if trained.stack.takes_sequences:
        return FIRST_WORD + len(Corpus(trained.data).vocabulary["words"])
    return trained.data.features
