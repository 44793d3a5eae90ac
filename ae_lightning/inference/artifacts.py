"""Artifacts of a variant: net, prepared data, and the codes that evaluation wrote.

Needs neither ``params.yaml`` nor training's libraries.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.artifacts import EVALUATION, MODELS, within
from ae_lightning.config.params import load, pick
from ae_lightning.data.prepared import SPLITS, PreparedDataset
from ae_lightning.errors import UserError, reading
from ae_lightning.inference.model_files import (
    check_finite,
    check_stack,
    open_prepared,
    read_model,
)
from ae_lightning.nn import checkpoint
from ae_lightning.nn.finite import finite
from ae_lightning.nn.stack import Stack


@dataclass(frozen=True)
class ModelArtifacts:
    """A trained net, the data that it was trained on, and the folder of its model."""

    folder: Path
    stack: Stack
    data: PreparedDataset

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.folder.name

    @property
    def codes(self) -> Path:
        """File of the codes that evaluation wrote."""
        return within(self.folder.parents[1], EVALUATION) / self.name / "codes.npz"


def prepared(name: str, artifacts: Path) -> PreparedDataset:
    """The data of variant ``name``.

    Raises:
        UserError: there is no such variant, it was not trained, or its data are absent.
    """
    model = within(artifacts, MODELS, name)
    if not (model / "model.json").exists():
        raise _absent(name, artifacts)
    return _data(model)


def open_variant(
    name: str,
    artifacts: Path,
    examples: str | None = None,
    *,
    verify: Callable[[Path, str], None] | None = None,
) -> ModelArtifacts:
    """Load variant ``name``, which must be on ``examples`` (documents, images), if they are named.

    ``verify`` is given all that its codes depend on, before the net is read, and its stage.

    Raises:
        UserError: there is no such variant, it was not trained, its data are absent, or it is on
            something else.
    """
    data = prepared(name, artifacts)
    model, stage = within(artifacts, MODELS, name), f"finetune@{name}"
    if examples and data.examples != examples:
        raise _other(model, data, examples)
    if verify:
        verify(model, stage)
        # The vocabulary of documents says what a text's numbers are.
        described = data.folder if data.of_documents else data.folder / "meta.json"
        verify(described, f"prepare@{data.folder.name}")
    check_stack(model, stage)
    stack = checkpoint.load(model).eval()
    check_finite(stack, model, stage)
    return ModelArtifacts(model, stack, data)


def saved_codes(
    path: Path,
    sizes: Mapping[str, int],
    units: int,
    *,
    examples: str,
    optional: Sequence[str] = (),
) -> dict[str, NDArray[np.float32]]:
    """Codes ``(examples, units)`` of each split as evaluation wrote them; ``sizes`` they must have.

    Those of ``optional`` splits may be absent.

    Raises:
        UserError: there are none, they cannot be read, or they are of other examples.
    """
    remedy = f"run: dvc repro evaluate@{path.parent.name}"
    if not path.exists():
        raise UserError(f"{path}: this variant was not evaluated yet; {remedy}")
    with reading(path, remedy), np.load(path) as file:
        wanted = [split for split in SPLITS if split in file or split not in optional]
        codes = {split: file[split].astype(np.float32, copy=False) for split in wanted}
    for split, rows in codes.items():
        if rows.shape != (sizes[split], units):
            raise UserError(
                f"{path}: must have codes {(sizes[split], units)} of the {split} {examples}, "
                f"found {rows.shape}, which are stale; {remedy}"
            )
    return {split: finite(rows) for split, rows in codes.items()}


def stale(trained: ModelArtifacts, must: str, found: Any) -> UserError:
    """The error for a model that does not fit its data."""
    return UserError(
        f"{trained.folder}: must take {must} of {trained.data.folder}, found {found}, so it is "
        f"stale; run: dvc repro evaluate@{trained.name}"
    )


def _data(model: Path) -> PreparedDataset:
    name = read_model(model, f"finetune@{model.name}")["data"]
    return open_prepared(model.parents[1], name)


def _absent(name: str, artifacts: Path) -> UserError:
    """Why there is no model: not in params.yaml, or else not trained; params.yaml may be absent."""
    params, models = artifacts.parent / "params.yaml", within(artifacts, MODELS)
    if params.exists():
        pick(load(params).variants, name, "variant")
        return UserError(f"{models / name}: not trained yet; run: ae flow {name}")
    there = [path.parent.name for path in sorted(models.glob("*/model.json"))]
    near = get_close_matches(name, there) or there
    return UserError(f"{models}: unknown variant {name!r}; there is {', '.join(near) or 'none'}")


def _other(model: Path, data: PreparedDataset, examples: str) -> UserError:
    there = []
    for path in sorted(model.parent.glob("*/model.json")):
        with suppress(UserError):  # what is broken is not offered
            if _data(path.parent).examples == examples:
                there.append(path.parent.name)
    return UserError(
        f"{model}: must be a variant on {examples} to search them, found {data.examples} "
        f"({data.folder.name}); there is {', '.join(there) or 'none yet'}"
    )
