"""What a user turns: ``params.yaml`` as frozen models, and the machine's settings from ``AE_*``.

Everything that decides a result stands in ``params.yaml``, so that DVC rebuilds what it must.
What only decides how fast or where it is computed stands in :class:`Environment`.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from ae_lightning.errors import UserError

ActivationName = Literal["linear", "sigmoid", "tanh", "relu", "gelu", "silu", "elu"]
LossName = Literal["matching", "cross-entropy", "squared-error"]
OptimizerName = Literal["adamw", "sgd", "muon"]
ScheduleName = Literal["constant", "linear", "cosine", "one-cycle"]
CorruptionName = Literal["mask", "gaussian", "salt-and-pepper"]
PenaltyName = Literal["l1", "l2", "contractive"]
UnpoolingName = Literal["switches", "repeat", "transposed"]
LayerKind = Literal["dense", "tied", "conv", "rbm"]
DatasetKind = Literal["idx"]
VariantKind = Literal["autoencoder", "pca"]


Strength = Annotated[float, Field(gt=0, le=1)]


class Frozen(BaseModel):
    """A model that refuses unknown keys and later changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Dataset(Frozen):
    """Raw files and how they are split.

    The last ``validation`` training examples are set aside: every choice is made on them, the
    test part is read by ``evaluate`` alone. ``limit`` keeps only the first examples of each part,
    for a quick trial.
    """

    kind: DatasetKind
    path: Path
    validation: PositiveInt = 5000
    limit: PositiveInt | None = None


class Training(Frozen):
    """How a stack of layers is trained to reconstruct its input.

    ``matching`` is the loss that matches the output's activation: cross-entropy for sigmoid
    outputs, squared error otherwise. ``shift`` moves training images by up to that many pixels.
    ``warmup`` is a share of all steps. ``patience`` (epochs) turns early stopping on. The weights
    kept are those of the epoch with the lowest validation loss.
    """

    loss: LossName = "matching"
    optimizer: OptimizerName = "muon"
    learning_rate: PositiveFloat = 0.03
    momentum: float = Field(0.95, ge=0, lt=1)
    weight_decay: NonNegativeFloat = 0.0
    schedule: ScheduleName = "linear"
    warmup: float = Field(0.05, ge=0, lt=1)
    batch_size: PositiveInt = 1000
    epochs: PositiveInt = 10
    shift: NonNegativeInt = 0
    patience: PositiveInt | None = None
    seed: NonNegativeInt = 0


class LayerTraining(Training):
    """How one greedy layer is trained: gently, as it is the start of a fine-tuning, not the end."""

    optimizer: OptimizerName = "adamw"
    learning_rate: PositiveFloat = 5e-4
    momentum: float = Field(0.9, ge=0, lt=1)
    batch_size: PositiveInt = 500


class Objective(Frozen):
    """What a training asks for besides a faithful reconstruction.

    ``l1`` and ``l2`` weigh the absolute and the squared values of the code, ``contractive`` the
    squared Frobenius norm of its Jacobian. ``corruption`` maps kinds to their greatest strength:
    each training example is spoilt in one of these ways, the target stays clean.
    """

    l1: NonNegativeFloat = 0.0
    l2: NonNegativeFloat = 0.0
    contractive: NonNegativeFloat = 0.0
    corruption: dict[CorruptionName, Strength] = {}

    @property
    def penalties(self) -> dict[str, float]:
        """Penalties on the code with a weight, by name."""
        weights = {"l1": self.l1, "l2": self.l2, "contractive": self.contractive}
        return {name: weight for name, weight in weights.items() if weight}


class Layer(Objective):
    """A layer pretrained greedily as an autoencoder of its input's frozen codes.

    ``input`` is ``prepared/DATASET`` or ``layers/LAYER``. The decoder answers with the activation
    of what it reconstructs: ``output`` for a prepared dataset, the layer below's otherwise. A layer
    wider than its input, which could otherwise copy it, must have ``l1``.

    ``kind`` dense has two matrices, tied one and its transpose. A conv layer has ``units`` feature
    maps from ``kernel``-sized windows, pooled by ``pool`` and unpooled by ``unpooling``. An rbm is
    trained by contrastive divergence with ``cd_steps`` Gibbs steps and unrolled as a dense layer.
    """

    data: str
    input: str
    kind: LayerKind = "dense"
    units: PositiveInt
    activation: ActivationName = "gelu"
    output: ActivationName = "sigmoid"
    kernel: PositiveInt = 5
    pool: PositiveInt = 2
    unpooling: UnpoolingName = "repeat"
    cd_steps: PositiveInt = 1
    train: LayerTraining = LayerTraining()

    @model_validator(mode="after")
    def _fields_belong_to_the_kind(self) -> Self:
        for kind, fields in OF_KIND.items():
            if kind != self.kind and (given := [f for f in fields if f in self.model_fields_set]):
                raise ValueError(f"{given[0]}: only kind {kind} has it, found kind {self.kind}")
        if self.kind == "conv" and self.kernel % 2 == 0:
            raise ValueError(f"kernel: must be odd to keep the image's size, found {self.kernel}")
        if self.kind == "rbm":
            self._check_machine()
        return self

    def _check_machine(self) -> None:
        if self.activation not in ("sigmoid", "linear"):
            raise ValueError(
                f"activation: a Boltzmann machine's units are sigmoid (binary) or linear "
                f"(Gaussian), found {self.activation!r}"
            )
        if self.penalties or self.corruption:
            raise ValueError(
                "kind: contrastive divergence takes no penalty and no corruption; remove them"
            )


class Variant(Objective):
    """An autoencoder to be compared: layers taken from ``input``, then ``sizes`` new ones.

    New layers are of kind ``layer`` and start at random; hidden ones have ``activation``, the code
    ``code_activation``. ``kind: pca`` solves for one linear layer in closed form instead of
    training it.
    """

    data: str
    input: str
    kind: VariantKind = "autoencoder"
    sizes: tuple[PositiveInt, ...] = ()
    layer: Literal["dense", "tied"] = "dense"
    activation: ActivationName = "gelu"
    code_activation: ActivationName = "linear"
    output: ActivationName = "sigmoid"
    train: Training = Training()

    @model_validator(mode="after")
    def _pca_is_one_linear_layer(self) -> Self:
        if self.kind == "pca" and (len(self.sizes) != 1 or self.input.startswith("layers/")):
            raise ValueError("kind pca needs input prepared/DATASET and exactly one size")
        if self.kind == "pca" and (self.penalties or self.corruption):
            raise ValueError("kind pca is solved, not trained: remove penalties and corruption")
        return self


class Repeats(Frozen):
    """Variants that compete for the best start, each from several seeds in few epochs.

    Their layers are pretrained anew with each seed; ``epochs`` replaces the variants' own.
    """

    variants: tuple[str, ...] = ()
    seeds: tuple[NonNegativeInt, ...] = (0, 1, 2)
    epochs: PositiveInt = 10


OF_KIND = {"conv": ("kernel", "pool", "unpooling"), "rbm": ("cd_steps",)}
"""Fields of a layer that only one kind of it has."""


class Params(Frozen):
    """The whole of ``params.yaml``, with every reference checked."""

    datasets: dict[str, Dataset]
    layers: dict[str, Layer] = {}
    variants: dict[str, Variant] = {}
    repeats: Repeats = Repeats()

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        for name in self.repeats.variants:
            _known(name, self.variants, "repeats.variants", "variant")
        for section, table in (("layers", self.layers), ("variants", self.variants)):
            for name, item in table.items():
                where = f"{section}.{name}"
                _known(item.data, self.datasets, f"{where}.data", "dataset")
                self._check_input(item, where)
        for name, layer in self.layers.items():
            self._check_wider(name)
            if layer.train.shift and layer.input.startswith("layers/"):
                raise ValueError(
                    f"layers.{name}.train.shift: only images can be moved, found "
                    f"{layer.train.shift} for a layer that learns from codes; remove it"
                )
        for name, variant in self.variants.items():
            if not variant.sizes and variant.input.startswith("prepared/"):
                raise ValueError(
                    f"variants.{name}.sizes: a variant on prepared data needs the widths of its "
                    "layers, found none; add sizes or name a layer as input"
                )
        return self

    def _check_input(self, item: Layer | Variant, where: str) -> None:
        folder, _, name = item.input.partition("/")
        if folder == "prepared" and name == item.data:
            return
        if folder != "layers":
            raise ValueError(
                f"{where}.input: must be prepared/{item.data} or layers/LAYER, found {item.input!r}"
            )
        _known(name, self.layers, f"{where}.input", "layer")
        if self.layers[name].data != item.data:
            raise ValueError(
                f"{where}.input: layer {name!r} was trained on {self.layers[name].data!r}, "
                f"not on {item.data!r}; use the same data"
            )
        self.chain(item.input)

    def _check_wider(self, name: str) -> None:
        layer = self.layers[name]
        below = self.layers.get(layer.input.removeprefix("layers/"))
        if below is None or "conv" in (layer.kind, below.kind):
            return  # their widths depend on the image's size: pretraining checks them
        if layer.units > below.units and layer.l1 == 0 and layer.kind != "rbm":
            raise ValueError(too_wide(f"layers.{name}", layer.units, below.units))

    def chain(self, source: str) -> list[str]:
        """Names of the layers from the data up to ``source`` (``layers/NAME`` or ``prepared/``)."""
        names: list[str] = []
        while source.startswith("layers/"):
            name = source.removeprefix("layers/")
            if name in names:
                raise ValueError(f"layers.{name}.input: layers form a circle; break it")
            where = f"layers.{names[-1]}.input" if names else "input"
            _known(name, self.layers, where, "layer")
            names.append(name)
            source = self.layers[name].input
        return names[::-1]


def too_wide(where: str, units: int, inputs: int) -> str:
    """The one line for a layer that is wider than its input and has no L1 penalty."""
    return (
        f"{where}.l1: a layer wider than its input ({units} > {inputs}) can copy it and needs an "
        "L1 penalty, found 0; set l1 or fewer units"
    )


class Environment(BaseSettings):
    """Where and how fast: ``AE_*`` variables, no part of any result's identity.

    ``precision`` auto means bf16-mixed where the hardware multiplies bf16, otherwise 32-true.
    Arrays beyond ``memory_limit_mb`` stay on disk, memory-mapped.
    """

    model_config = SettingsConfigDict(env_prefix="AE_", frozen=True, extra="ignore")

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"] = "auto"
    devices: str = "auto"
    strategy: str = "auto"
    num_nodes: PositiveInt = 1
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed", "bf16-true"] = "auto"
    workers: NonNegativeInt = 0
    memory_limit_mb: PositiveInt = 4096


def environment() -> Environment:
    """The machine's settings; UserError names the variable that is wrong."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors()[0]
        name = "AE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise UserError(f"{name}: {first['msg']}, found {first['input']!r}") from error


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check ``params.yaml``; UserError tells the first mistake in one line."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: not found; run this in the project's folder") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    return parse(content, str(path))


def parse(content: Any, where: str = "params.yaml") -> Params:
    """Validate what ``params.yaml`` holds; ``where`` begins the error's line."""
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{where}: {_first_line(error)}") from error


def pick(table: dict[str, Any], name: str, what: str) -> Any:
    """``table[name]``, or a UserError that offers the nearest names."""
    try:
        _known(name, table, f"params.yaml: {what}s", what)
    except ValueError as error:
        raise UserError(str(error)) from error
    return table[name]


def _known(name: str, table: dict[str, Any], where: str, what: str) -> None:
    if name not in table:
        near = get_close_matches(name, table, n=3) or sorted(table)
        raise ValueError(f"{where}: unknown {what} {name!r}; there is {', '.join(near) or 'none'}")


def _first_line(error: ValidationError) -> str:
    first, more = error.errors()[0], error.error_count() - 1
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        text = f"{path}: unknown key; remove it or correct its name"
    elif first["type"] == "value_error":
        text = ": ".join(filter(None, (path, str(first["ctx"]["error"]))))
    else:
        text = f"{path}: {first['msg']}, found {first['input']!r}"
    return text + (f" (and {more} more)" if more else "")
