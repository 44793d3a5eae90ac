"""MLflow's model registry: variants and classifiers as models to be served, and who is champion.

Each is registered under its name. Each model that it ever was is a version; the alias
``current`` is on that of ``artifacts/``, ``champion`` on it where it is the best of a task
(:mod:`pipelines.serving.champions`). What decides stands as tags on the registered model,
``served.digest`` last, so that it vouches for the rest.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ae_lightning.inference.classifier_model import ClassifierModel
from ae_lightning.inference.documents import TextModel
from ae_lightning.inference.load import load
from ae_lightning.inference.model import Model
from pipelines.serving import champions, pyfunc
from pipelines.serving.package import DIGEST, LOADER, bundle
from pipelines.tracking import queries, store

# isort: split
# After `store`, which sets what MLflow reads as it is imported.
import mlflow.artifacts
import mlflow.models
import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, RunInfo
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

CURRENT, CHAMPION = "current", "champion"
TASKS = "champion.tasks"
FACTS = (DIGEST, "data", "code.", "validation.")
"""Prefixes of the tags with a model's facts."""


@dataclass(frozen=True)
class RegistryEntry:
    """A model in the registry: its versions by alias, its tags and description."""

    aliases: Mapping[str, str]
    tags: Mapping[str, str]
    description: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """The tags with the model's facts."""
        return {key: value for key, value in self.tags.items() if key.startswith(FACTS)}


def registered() -> dict[str, RegistryEntry]:
    """All of ours in the registry, by name; what others registered there is left out.

    Raises:
        UserError: If the store does not answer.
    """
    with queries.answering():
        return {
            model.name: RegistryEntry(
                {alias: str(number) for alias, number in model.aliases.items()},
                model.tags,
                model.description or "",
            )
            for model in queries.every(queries.client().search_registered_models)
            if CURRENT in model.aliases and DIGEST in model.tags
        }


def register(model: Path, run: RunInfo, tags: Mapping[str, str]) -> None:
    """Make a model as it is now the current version of its name.

    What is a version already becomes no second one.

    Args:
        model: Its folder, as for :func:`package.bundle`.
        run: The run that made it.
        tags: See :func:`package.tags`.

    Raises:
        UserError: If the model cannot be used, or the store does not answer.
    """
    name = model.name
    with bundle(model) as folder, TemporaryDirectory(prefix="ae-logged-") as temporary:
        loaded = load(name, folder, verify=False)
        with queries.answering():
            client = queries.client()
            fresh = _entered(client, name, tags)
            number = None if fresh else _version(client, name, tags[DIGEST])
            if number is None:
                number = _create(client, loaded, folder, run, Path(temporary), tags[DIGEST])
            client.set_registered_model_alias(name, CURRENT, number)
            if not fresh:
                _tag(client, name, tags)


def has_files(name: str) -> bool:
    """Whether the current version of a model has its files still.

    Raises:
        UserError: If the store does not answer.
    """
    with queries.answering():
        return _has_files(queries.client().get_model_version_by_alias(name, CURRENT))


def describe(name: str, known: RegistryEntry, description: str) -> None:
    """Write a description of ``name``, unless it is there or somebody has written another.

    Raises:
        UserError: If the store does not answer.
    """
    if known.description == description or not queries.ours(known.description, known.tags):
        return
    with queries.answering():
        queries.client().update_registered_model(name, description)
        queries.client().set_registered_model_tag(name, *queries.signed(description))


def crown() -> dict[str, str]:
    """Move the alias ``champion`` to the best variant of each task; tasks that changed hands.

    Raises:
        UserError: If the store does not answer.
    """
    known = registered()
    best = champions.winners({name: one.facts for name, one in known.items()})
    with queries.answering():
        for name, one in known.items():
            tasks = [task for task, winner in best.items() if winner == name]
            _crown(queries.client(), name, one, tasks)
    before = {task: name for name, one in known.items() for task in one.tags.get(TASKS, "").split()}
    return {task: name for task, name in best.items() if before.get(task) != name}


def _crown(client: MlflowClient, name: str, one: RegistryEntry, tasks: list[str]) -> None:
    """Write, where it is not written, that ``name`` is the champion of ``tasks``, or of none."""
    wins, text = one.aliases[CURRENT] if tasks else None, " ".join(tasks)
    if one.aliases.get(CHAMPION) != wins:
        if wins:
            client.set_registered_model_alias(name, CHAMPION, wins)
        else:
            client.delete_registered_model_alias(name, CHAMPION)
    if one.tags.get(TASKS, "") != text:
        if text:
            client.set_registered_model_tag(name, TASKS, text)
        else:
            client.delete_registered_model_tag(name, TASKS)


def _entered(client: MlflowClient, name: str, tags: Mapping[str, str]) -> bool:
    """Whether a name was new to the registry; while it has no alias, nothing is vouched for."""
    try:
        client.create_registered_model(name, dict(tags))
    except MlflowException:  # it is there already
        client.get_registered_model(name)
        return False
    return True


def _create(
    client: MlflowClient,
    model: Model[Any, Any],
    folder: Path,
    run: RunInfo,
    temporary: Path,
    digest: str,
) -> str:
    """Log a model under its run and register it; its version."""
    logged = client.create_logged_model(
        run.experiment_id, model.name, run.run_id, tags={DIGEST: digest}
    )
    _save(
        model,
        folder,
        temporary / "model",
        mlflow.models.Model(
            run_id=run.run_id, model_id=logged.model_id, metadata={"data": model.data.folder.name}
        ),
    )
    client.log_model_artifacts(logged.model_id, str(temporary / "model"))
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    made = client.create_model_version(  # `models:/ID` would be looked up in MLflow's global store
        model.name, logged.artifact_location, run.run_id, {DIGEST: digest}, model_id=logged.model_id
    )
    return str(made.version)


def _save(model: Model[Any, Any], folder: Path, to: Path, description: mlflow.models.Model) -> None:
    """Write an MLflow model: ``folder`` with the name of the module that reads it, no pickle."""
    mlflow.pyfunc.save_model(
        to,
        loader_module=LOADER,
        data_path=str(folder),
        mlflow_model=description,
        signature=mlflow.models.ModelSignature(
            inputs=Schema([_taken(model)]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, _width(model)))]),
            params=ParamSchema(
                [ParamSpec(pyfunc.PARAMETER, DataType.string, pyfunc.default(model))]
            ),
        ),
        input_example=_example(model),
        pip_requirements=[f"ae-lightning=={installed('ae-lightning')}"],
    )


def _taken(model: Model[Any, Any]) -> ColSpec | TensorSpec:
    """Input type of a model, without an image's size, which the model checks itself."""
    if isinstance(model, TextModel):
        return ColSpec(DataType.string)
    return TensorSpec(np.dtype(np.float32), (-1,) * (1 + len(model.data.shape)))


def _width(model: Model[Any, Any]) -> int:
    """Width of a model's default output."""
    return len(model.classes_) if isinstance(model, ClassifierModel) else model.code_size


def _example(model: Model[Any, Any]) -> Any:
    """The three most frequent terms as a text; an image half bright."""
    if isinstance(model, TextModel):
        return [" ".join(model.terms[:3])]
    return np.full((1, *model.data.shape), 0.5, np.float32)


def _tag(client: MlflowClient, name: str, tags: Mapping[str, str]) -> None:
    """Replace the registry's facts of a model by ``tags``; tags of others stay."""
    before = client.get_registered_model(name).tags
    for tag in before:
        if tag.startswith(FACTS) and tag not in tags:
            client.delete_registered_model_tag(name, tag)
    for tag in sorted(tags, key=DIGEST.__eq__):
        client.set_registered_model_tag(name, tag, tags[tag])


def _version(client: MlflowClient, name: str, digest: str) -> str | None:
    """The newest version with that digest that has its files."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{DIGEST}` = '{digest}'")
    there = (str(one.version) for one in found if _has_files(one))
    return max(there, key=int, default=None)


def _has_files(version: ModelVersion) -> bool:
    place, at = version.source or "", store.uri()
    with suppress(MlflowException):  # there is no such place any more
        return bool(mlflow.artifacts.list_artifacts(artifact_uri=place, tracking_uri=at))
    return False
