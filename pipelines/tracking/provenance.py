"""Provenance of a run: contents, commit, DVC hashes, process. Knows no tracker."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, SupportsFloat

import psutil  # type: ignore[import-untyped,unused-ignore]

from ae_lightning.distributed.placement import whole_number
from ae_lightning.foreign_variables import user
from ae_lightning.inference.verify import recorded, told_of
from ae_lightning.redact import redact

GIT_SECONDS = 30
CLOCK_SLACK = 5.0  # seconds by which two readings of a process's start may differ


def repository_root() -> Path:
    """The nearest folder from here upwards that holds dvc.yaml; without one, this folder."""
    here = Path.cwd()
    above = (here, *here.parents)
    return next((folder for folder in above if (folder / "dvc.yaml").exists()), here)


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the files under a folder, in the names' order.

    Neither times nor the order in which the files were written enter.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder")
    total = hashlib.sha256()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    for name, path in sorted(files.items()):
        if path.is_file():
            with path.open("rb") as file:
                contents = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{len(name)} {name} {contents}\n".encode())
    return total.hexdigest()


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"knn": {"accuracy@1": 0.9}}`` as ``{"knn.accuracy_at_1": 0.9}``."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        name = prefix + legal(key)
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def numbers(nested: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a nested mapping under their flat names."""
    flat = flatten(nested).items()
    return {
        name: float(value)
        for name, value in flat
        if isinstance(value, SupportsFloat) and not isinstance(value, bool)
    }


def legal(name: str) -> str:
    """A name as MLflow takes it: ``@`` becomes ``_at_``, any other refused character ``_``.

    MLflow allows letters, digits and ``_ / . - :`` and spaces in the names of metrics, parameters
    and tags (``mlflow.utils.validation.validate_param_and_metric_name``); our metrics.json has
    ``accuracy@1``. This is the one place where names are changed.
    """
    return re.sub(r"[^/\w.\- :]", "_", name.replace("@", "_at_"))


def commit() -> dict[str, str]:
    """Tags with the git commit and whether tracked files differ from it; none outside git."""
    head = _git("rev-parse", "HEAD")
    if not head:
        return {}
    dirty = bool(_git("status", "--porcelain", "--untracked-files=no"))
    return {"git.commit": head, "git.dirty": str(dirty).lower(), "mlflow.source.git.commit": head}


def tags(inputs: Iterable[Path]) -> dict[str, str]:
    """The chain of identity: commit, DVC hashes of the inputs, flow run, package, command."""
    flow = os.environ.get("AE_FLOW_RUN_ID")
    return {
        **commit(),
        **{legal(f"dvc.{path.as_posix()}"): md5 for path, md5 in dvc_hashes(inputs).items()},
        **({"prefect.flow_run_id": flow} if flow else {}),
        "package.version": version("ae-lightning"),
        "mlflow.user": user(),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": redact(" ".join([Path(sys.argv[0]).name, *sys.argv[1:]])),
    }


def dvc_hashes(paths: Iterable[Path]) -> dict[Path, str]:
    """DVC's MD5 of those paths (relative to the repository) that dvc.lock or data.dvc names."""
    root = repository_root()
    with told_of(root / "dvc.lock"):
        stages = _yaml(root / "dvc.lock").get("stages", {}).values()
        outs = [out for stage in stages for out in stage.get("outs", [])]
        outs += _yaml(root / "data.dvc").get("outs", [])
        known = {Path(out["path"]): str(out["md5"]) for out in outs if "md5" in out}
    return {path: known[key] for path in paths if (key := _relative(path, root)) in known}


def stage_inputs(stage: str) -> list[Path]:
    """The artifacts that a stage was last built from, by dvc.lock; none if it was never built."""
    lock = repository_root() / "dvc.lock"
    with told_of(lock):
        stages = _yaml(lock).get("stages", {})
        paths = [Path(dep["path"]) for dep in stages.get(stage, {}).get("deps", [])]
    return [path for path in paths if path.parts[0] == "artifacts"]


def process() -> dict[str, str]:
    """Tags by which a later process tells whether this one still lives."""
    return {
        "process.host": socket.gethostname(),
        "process.pid": str(os.getpid()),
        "process.started": f"{psutil.Process().create_time():.2f}",
    }


def is_gone(tags: Mapping[str, str]) -> bool:
    """Whether the process that ``process()`` described, on this host, has ended."""
    if tags.get("process.host") != socket.gethostname() or "process.pid" not in tags:
        return False
    try:
        owner = psutil.Process(int(tags["process.pid"]))
        same = abs(owner.create_time() - float(tags["process.started"])) < CLOCK_SLACK
        return not same or owner.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def is_first_rank() -> bool:
    """Whether this process is alone or the first of its group (torchrun, Lightning, SLURM)."""
    ranks = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return all(whole_number(rank, os.environ, 0) == 0 for rank in ranks)


def as_text(value: Any) -> str:
    """A parameter's value without secrets: text and paths as they are, anything else as JSON."""
    return redact(str(value) if isinstance(value, str | Path) else json.dumps(value, default=str))


def _relative(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path


@cache
def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, check=True, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _yaml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    state = path.stat()
    return _parsed(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _parsed(path: Path, *state: int) -> dict[str, Any]:
    """A file as it was in that state; `ae publish` asks dvc.lock about every model."""
    return recorded(path) or {}
