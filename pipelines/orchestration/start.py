"""Start of a flow: Prefect, which takes seconds, is loaded only if there is something to do."""

import time
from collections.abc import Callable, Sequence
from types import ModuleType

from ae_lightning.errors import UserError
from pipelines.imports import uncollected
from pipelines.orchestration.lock import only_flow
from pipelines.orchestration.plan import Plan
from pipelines.orchestration.summary import say
from pipelines.tracking.provenance import repository_root


def run(
    targets: Sequence[str],
    workers: int | None = None,
    force: bool = False,
    *,
    before: Callable[[], object] = lambda: None,
) -> bool:
    """Bring stages up to date; Prefect is not started if they are.

    Args:
        targets: Stages and variants, as :meth:`Graph.select` takes them; none for everything.
        workers: Stages to run side by side; None for one per GPU, or per two cores, at most 4.
        force: Run stages even if nothing changed.
        before: Called once there is something to do.

    Returns:
        Whether every stage ended well.

    Raises:
        UserError: An unknown target, a wrong setting, or another flow runs in this checkout.
    """
    began, root = time.monotonic(), repository_root()
    with only_flow(root):
        say("Asking DVC what has changed ...")
        plan = Plan.read(root, targets, workers, force)
        count, left = len(plan.graph.stages), len(plan.todo)
        if not left:
            what = ", ".join(targets) or "All"
            be, seconds = "are" if len(targets) > 1 else "is", time.monotonic() - began
            say(f"{what} {be} up to date ({count} stages, {seconds:.0f} s)")
            return True
        say(f"Starting Prefect for {left} of {count} stages ...")
        return load_flow().run(plan, targets, before)


def load_flow() -> ModuleType:
    """The module that imports Prefect.

    Raises:
        UserError: Prefect refuses its own settings.
    """
    try:
        with uncollected():
            from pipelines.orchestration import flow
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).partition(" [type=")[0].split())
        raise UserError(
            f"PREFECT_… variables and Prefect's profile must be as Prefect takes them, found "
            f"{reason}; mend or unset them"
        ) from error
    return flow
