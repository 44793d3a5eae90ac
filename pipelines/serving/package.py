"""Packaging of a model for use outside its project: a small ``artifacts/`` of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ae_lightning.artifacts import checked_name
from ae_lightning.inference.model_files import open_prepared, read_model
from ae_lightning.nn.classifier import LAYERS
from pipelines.serving import champions
from pipelines.tracking import provenance

DIGEST = "served.digest"
LOADER = "pipelines.serving.pyfunc"
"""The module that MLflow loads a model with: one registered with another is registered anew."""
META = "meta.json"
VOCABULARY = "vocabulary.json"


@contextmanager
def bundle(model: Path) -> Iterator[Path]:
    """A temporary folder with links to the files of a model and of its prepared data.

    Args:
        model: ``artifacts/models/VARIANT`` or ``artifacts/classifiers/CLASSIFIER``.

    Raises:
        UserError: The prepared data are absent.
    """
    artifacts = model.parent.parent
    described = read_model(model, model.name)
    data = open_prepared(artifacts, described["data"])
    files = [*_files(model, described)]
    files += [data.folder / META, *([data.folder / VOCABULARY] if data.of_documents else [])]
    with TemporaryDirectory(prefix="ae-served-") as temporary:
        folder = Path(temporary) / "artifacts"
        for file in files:
            place = folder / file.relative_to(artifacts)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file.absolute())
        yield folder


def _files(model: Path, described: Mapping[str, Any]) -> Iterator[Path]:
    """A variant's files; of a classifier's trainings the one that is to be used."""
    if "best" not in described:
        yield from (path for path in model.iterdir() if path.is_file())
        return
    yield model / "model.json"
    yield model / f"{checked_name(described['best'], f'{model}: best')}.safetensors"
    yield from (model / LAYERS).iterdir()


def tags(model: Path, evaluation: Path) -> dict[str, str]:
    """The registry's tags of a model as it is now.

    Those by which champions are chosen, and the digest of what is served.

    Args:
        model: As for :func:`bundle`.
        evaluation: The folder of its ``metrics.json``.

    Raises:
        UserError: The prepared data are absent.
    """
    with bundle(model) as folder:
        digest = sha256(f"{provenance.digest(folder)} {LOADER}".encode()).hexdigest()
    return {**champions.facts(model, evaluation), DIGEST: digest}
