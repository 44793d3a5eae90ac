"""Plan of a flow: stages, devices and limits. Knows no Prefect."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ae_lightning.errors import UserError, reading
from ae_lightning.files import read_yaml
from ae_lightning.subprocesses import Group
from pipelines.code_digest import digests
from pipelines.orchestration import raw_files
from pipelines.orchestration.dag import CODE, DvcReader, Graph
from pipelines.orchestration.gpus import Devices, of_this_machine
from pipelines.orchestration.run_stage import run_stage, stage_timeout
from pipelines.orchestration.summary import Outcome


@dataclass(frozen=True)
class Plan:
    """The stages of a flow and how they run.

    Attributes:
        root: The project.
        graph: The stages.
        settled: Those that DVC has found unchanged.
        devices: The GPUs that they share.
        workers: How many run side by side.
        timeout: Seconds that each may take; None for any.
        force: Whether to run stages even if nothing changed.
        variables: The environment before Prefect's server is set up in it.
    """

    root: Path
    graph: Graph
    settled: frozenset[str]
    devices: Devices
    workers: int
    timeout: float | None
    force: bool
    variables: Mapping[str, str]

    @classmethod
    def read(
        cls, root: Path, targets: Sequence[str], workers: int | None = None, force: bool = False
    ) -> Self:
        """Make the plan for some targets from DVC's graph and the environment's variables.

        DVC is asked once code.yaml is that of this code.

        Raises:
            UserError: A target is unknown, a variable has a value that it cannot have, or there
                are raw files that DVC cannot hash.
        """
        with DvcReader(root) as reader:
            coded = has_code_stage(root)
            if coded:
                digests.refresh(root)
            whole = reader.graph()
            graph, devices = whole.select(targets), of_this_machine(whole.stages)
            timeout = stage_timeout()
            if coded:
                raw_files.check(root, graph.stages)
            settled = frozenset() if force else reader.unchanged(graph)
        workers = workers or devices.workers
        return cls(root, graph, settled, devices, workers, timeout, force, dict(os.environ))

    @property
    def todo(self) -> list[str]:
        """The other stages, in their order."""
        return [stage for stage in self.graph.order if stage not in self.settled]

    def bring(
        self, stage: str, group: Group, emit: Callable[[str], None], flow_run_id: str
    ) -> Outcome:
        """Bring one stage up to date and say how; as :func:`run_stage`, which raises."""
        outcome = run_stage(
            stage,
            group,
            emit,
            root=self.root,
            flow_run_id=flow_run_id,
            variables=self.variables,
            devices=self.devices,
            timeout=self.timeout,
            force=self.force,
        )
        emit(f"{outcome.how} in {outcome.seconds:.1f} s")
        return outcome


def has_code_stage(root: Path) -> bool:
    """Whether a project's stages go by what code means; what is wrong with dvc.yaml, DVC tells."""
    with suppress(UserError), reading(root / "dvc.yaml", ""):
        return CODE in read_yaml(root / "dvc.yaml", "")["stages"]
    return False
