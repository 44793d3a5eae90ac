"""Settings of classifiers in ``params.yaml``: the layers below and the supervised training.

They are read apart from layers and variants, so that an edit here rebuilds none of those.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator
from pydantic import ValidationError as Invalid

from ae_lightning.config.datasets import Documents, FrozenModel
from ae_lightning.config.layers import CorruptionName, Strength, Training
from ae_lightning.config.params import Params, first_line, known, load
from ae_lightning.errors import UserError

Start = Literal["pretrained", "random", "frozen"]
Number = PositiveInt | Literal["all"]

NOT_OURS = {
    "loss": "a classifier's loss is the cross-entropy of its classes",
    "shift": "a classifier's images are moved by moves.shift",
    "patience": "nothing is chosen while a classifier learns",
}
"""Settings of reconstruction that classifiers do not have, with the reason."""


class Run(NamedTuple):
    """One training: initial weights, number of labels, seed."""

    start: Start
    labels: Number
    seed: int

    def __str__(self) -> str:
        return f"{self.start}-{self.labels}-{self.seed}"


class Moves(FrozenModel):
    """Random affine augmentation of images: the greatest change in either direction.

    Drawn uniformly for each image: ``shift`` in pixels, ``rotate`` in degrees, ``scale`` and
    ``shear`` as shares of its size.
    """

    shift: NonNegativeFloat = 0.0
    rotate: float = Field(0.0, ge=0, le=180)
    scale: float = Field(0.0, ge=0, lt=1)
    shear: float = Field(0.0, ge=0, lt=1)


class SemiSupervisedTraining(FrozenModel):
    """Settings of semi-supervised training on all images, most of them without a label.

    A mean teacher, the net's weights averaged over about ``1 / (1 - decay)`` steps, classifies the
    clean image. Where its probability is at least ``confidence``, the net learns that class from a
    copy augmented by ``moves`` and ``corruption``, with ``weight`` beside the labelled loss; the
    decoder reconstructs the clean image, with weight ``reconstruction``.
    """

    confidence: float = Field(0.95, gt=0, lt=1)
    decay: float = Field(0.99, ge=0, lt=1)
    weight: PositiveFloat = 1.0
    reconstruction: NonNegativeFloat = 0.0
    moves: Moves = Moves()
    corruption: dict[CorruptionName, Strength] = Field({})


class SupervisedTraining(Training):
    """Settings of supervised training; fewer than ``draws`` labelled images repeat in an epoch.

    Run ``k`` has seed ``seed + k``. The last weights are kept, so that no labels are needed for
    model selection.
    """

    optimizer: Literal["adamw", "sgd", "muon"] = "adamw"
    learning_rate: PositiveFloat = 1e-3
    momentum: float = Field(0.9, ge=0, lt=1)
    batch_size: PositiveInt = 250
    epochs: PositiveInt = 15
    draws: PositiveInt = 6000

    @model_validator(mode="after")
    def _fields_that_mean_something(self) -> Self:
        for field, why in NOT_OURS.items():
            if field in self.model_fields_set:
                raise ValueError(f"{field}: {why}; remove it")
        return self


class Classifier(FrozenModel):
    """The encoder of ``input`` with a layer of one logit per class, trained on few or many labels.

    It is trained from every start in ``starts`` with every number of ``labels``, ``seeds`` times
    (``seeds_of_all`` with all of them). ``pretrained`` begins with the layers' weights, ``random``
    with new ones, ``frozen`` trains the last layer alone. Everything else is the same for all.

    Labelled images are augmented by ``moves``; ``dropout`` is the share of each layer's inputs that
    is left out, ``smoothing`` that of the target that all classes share (Szegedy et al. 2016).
    """

    data: str
    input: str
    starts: tuple[Start, ...] = Field(("pretrained", "random", "frozen"), min_length=1)
    labels: tuple[Number, ...] = Field((100, 600, 1000, 3000, "all"), min_length=1)
    seeds: PositiveInt = 5
    seeds_of_all: PositiveInt = 3
    dropout: float = Field(0.0, ge=0, lt=1)
    smoothing: float = Field(0.0, ge=0, lt=1)
    moves: Moves = Moves()
    unlabelled: SemiSupervisedTraining | None = None
    train: SupervisedTraining = SupervisedTraining()

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        for name in ("starts", "labels"):
            values = getattr(self, name)
            if twice := [value for value in values if values.count(value) > 1]:
                raise ValueError(f"{name}: each only once, found {twice[0]} twice; remove one")
        if self.unlabelled and "frozen" in self.starts:
            raise ValueError(
                "starts: frozen layers learn nothing from unlabelled images; remove frozen"
            )
        return self

    @property
    def runs(self) -> Iterator[Run]:
        """All trainings, those with the fewest labels first."""
        few = sorted(number for number in self.labels if number != "all")
        for number in (*few, *(["all"] if "all" in self.labels else [])):
            for seed in range(self.seeds_of_all if number == "all" else self.seeds):
                for start in self.starts:
                    yield Run(start, number, self.train.seed + seed)  # type: ignore[arg-type]

    @property
    def best(self) -> Run:
        """The run whose net is the one to use: the first start, most labels, first seed."""
        most = max(self.labels, key=lambda number: float("inf") if number == "all" else number)
        return Run(self.starts[0], most, self.train.seed)


def classifiers(params: Params, where: str = "params.yaml") -> dict[str, Classifier]:
    """The section ``classifiers`` with every reference checked.

    Raises:
        UserError: its first mistake in one line.
    """
    found = {}
    for name, content in params.classifiers.items():
        try:
            found[name] = Classifier.model_validate(content)
            _check(name, found[name], params)
        except Invalid as error:
            raise UserError(f"{where}: classifiers.{name}.{first_line(error)}") from error
        except ValueError as error:
            raise UserError(f"{where}: classifiers.{name}.{error}") from error
    return found


def load_classifiers(path: Path = Path("params.yaml")) -> dict[str, Classifier]:
    """Read and check the classifiers of ``params.yaml``."""
    return classifiers(load(path), str(path))


def _check(name: str, classifier: Classifier, params: Params) -> None:
    if name in params.variants:
        raise ValueError("name: a variant is called so; choose another name")
    known(classifier.data, params.datasets, "data", "dataset")
    if isinstance(params.datasets[classifier.data], Documents):
        raise ValueError(
            f"data: classifiers learn one class of each image, found documents "
            f"({classifier.data}); use images"
        )
    folder, _, layer = classifier.input.partition("/")
    if folder != "layers":
        raise ValueError(f"input: must be layers/LAYER, found {classifier.input!r}; correct it")
    known(layer, params.layers, "input", "layer")
    if params.layers[layer].data != classifier.data:
        raise ValueError(
            f"input: layer {layer!r} was trained on {params.layers[layer].data!r}, not on "
            f"{classifier.data!r}; use the same data"
        )


def merged(values: dict[str, Any]) -> dict[str, Any]:
    """Resolved parameters without those that mean nothing to a classifier."""
    train = {key: value for key, value in values["train"].items() if key not in NOT_OURS}
    return values | {"train": train}
