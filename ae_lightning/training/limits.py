"""What data are too few for, told before anything is trained."""

import numpy as np

from ae_lightning.artifacts import PREPARED
from ae_lightning.config.classifiers import Classifier, load_classifiers
from ae_lightning.config.params import load
from ae_lightning.config.variants import Variant
from ae_lightning.data.labelled import chosen
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.errors import UserError

LEARNED = ("train", "validation")
"""Splits that closed forms are solved for."""


def check(stage: str, name: str) -> None:
    """Check what a stage would train by params.yaml; a name that is not there is the stage's.

    Raises:
        UserError: the prepared data are absent or too few.
    """
    if stage == "supervise" and (classifier := load_classifiers().get(name)):
        check_classifier(classifier, PreparedDataset.open(PREPARED / classifier.data))
    if stage in ("finetune", "repeat") and (variant := load().variants.get(name)):
        check_variant(name, variant, PreparedDataset.open(PREPARED / variant.data))


def check_variant(name: str, variant: Variant, data: PreparedDataset) -> None:
    """Check that a closed form can have as many components as it shall.

    Raises:
        UserError: the data have fewer examples, or these fewer numbers.
    """
    if variant.kind not in ("pca", "lsa"):
        return
    where, size = f"params.yaml: variants.{name}", variant.sizes[0]
    if variant.kind == "lsa" and data.features < 2:
        raise UserError(
            f"{where}.kind: lsa needs two terms or more, found {data.features} in {data.folder}; "
            "add documents or use kind vectors"
        )
    examples = sum(len(data.inputs(split)) for split in LEARNED)
    if size > (most := min(examples, data.features)):
        numbers = "terms" if data.of_documents else "numbers"
        raise UserError(
            f"{where}.sizes: at most {most:,} for {examples:,} {data.examples} to learn from, of "
            f"{data.features:,} {numbers} each, found {size:,}; make it smaller or add "
            f"{data.examples}"
        )


def check_classifier(classifier: Classifier, data: PreparedDataset) -> None:
    """Check that there are enough labelled images of each class for every run.

    Raises:
        UserError: there are too few for some number of labels, or none.
    """
    labels = np.asarray(data.labels("train"))
    for run in classifier.runs:
        chosen(labels, run.labels, run.seed)
