"""One stage of the graph as one process: ``dvc repro --single-item STAGE``."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ae_lightning.errors import UserError
from ae_lightning.redact import redact
from ae_lightning.subprocesses import Group
from pipelines.orchestration import dvc
from pipelines.orchestration.gpus import NONE, VISIBLE, Devices
from pipelines.orchestration.summary import Outcome

# DVC's message to the stage's outcome. Without a message it ran.
_HOW = {
    "didn't change, skipping": "unchanged",
    "is cached - skipping run": "from DVC's cache",
}
_ENDED = {"timeout": "took longer than AE_STAGE_TIMEOUT allows ({:g} s)", "cancel": "cancelled"}
# DVC's advice after every stage.
_NOISE = (
    "To track the changes with git",
    "\tgit add ",
    "To enable auto staging",
    "\tdvc config core.autostage",
    "Use `dvc push`",
    "Data and pipelines are up to date",
    "Generating lock file",
    "Updating lock file",
)


class StageError(RuntimeError):
    """A stage that did not end well after so many seconds; ``passing`` if another try may do."""

    def __init__(self, message: str, seconds: float, *, passing: bool = False) -> None:
        super().__init__(message)
        self.seconds, self.passing = seconds, passing


def run_stage(
    stage: str,
    group: Group,
    emit: Callable[[str], None],
    *,
    root: Path,
    flow_run_id: str,
    variables: Mapping[str, str] = os.environ,
    devices: Devices = NONE,
    timeout: float | None = None,
    force: bool = False,
) -> Outcome:
    """Bring one stage up to date, its upstreams being so.

    Args:
        stage: The stage's address.
        group: Where its process runs, to be ended with the others.
        emit: Gets each line of output.
        root: The project.
        flow_run_id: Prefect's id of the flow's run; the stage finds it in AE_FLOW_RUN_ID.
        variables: The environment to run in, but for what the flow sets.
        devices: Where it gets its GPUs from; while others have them, it waits.
        timeout: Seconds that it may take once it has them; None for any.
        force: Run it even if nothing changed.

    Raises:
        StageError: The stage failed, took too long, or was cancelled.
    """
    lines: list[str] = []

    def hear(line: str) -> None:
        line = redact(line)
        lines.append(line)
        if not line.startswith(_NOISE):
            emit(line)

    # While one `dvc repro` hashes its outputs, the others wait for it instead of giving up.
    repro = ["repro", "--single-item", *["--force"] * force, stage]
    command = [*dvc.COMMAND, "--wait-for-lock", *repro]
    with devices.lent_to(stage, lambda: group.cancelled) as own:
        if own.get(VISIBLE):
            emit(f"on GPU {own[VISIBLE]}")
        environment = {**_environment(variables, flow_run_id), **own}
        begun = time.monotonic()
        end = group.run(command, hear, cwd=root, env=environment, timeout=timeout)
        seconds = time.monotonic() - begun
    if end.by != "itself":
        raise StageError(_ENDED[end.by].format(timeout), seconds)
    if end.code:
        why = dvc.explain(lines)
        raise StageError(why.meaning, seconds, passing=why.passing)
    said = (how for words, how in _HOW.items() if any(words in line for line in lines))
    return Outcome(stage, next(said, "ran"), seconds)


def _environment(variables: Mapping[str, str], flow_run_id: str) -> Mapping[str, str]:
    """Return a stage's environment but for its devices."""
    programs = Path(sys.executable).parent  # where `ae` is, even if nobody activated it
    return {
        **variables,
        "PATH": f"{programs}{os.pathsep}{variables.get('PATH', os.defpath)}",
        "AE_FLOW_RUN_ID": flow_run_id,
        "DVC_NO_ANALYTICS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def stage_timeout() -> float | None:
    """Return the seconds a stage may take, from AE_STAGE_TIMEOUT; None for any.

    Raises:
        UserError: It is not a positive number.
    """
    text = os.environ.get("AE_STAGE_TIMEOUT", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise UserError(f"AE_STAGE_TIMEOUT: a positive number of seconds, found {text!r}: mend it")
    return seconds
