"""Plan of a flow: stages, devices and limits. Knows no Prefect."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from pipelines.code_digest import digests
from pipelines.orchestration import dag
from pipelines.orchestration.dag import Graph
from pipelines.orchestration.gpus import Devices, of_this_machine
from pipelines.orchestration.run_stage import run_stage, stage_timeout
from pipelines.orchestration.subprocesses import Group
from pipelines.orchestration.summary import Outcome


@dataclass(frozen=True)
class Plan:
    """The stages of a flow and how they run.

    Attributes:
        root: The project.
        graph: The stages.
        devices: The GPUs that they share.
        workers: How many run side by side.
        timeout: Seconds that each may take; None for any.
        force: Whether to run stages even if nothing changed.
    """

    root: Path
    graph: Graph
    devices: Devices
    workers: int
    timeout: float | None
    force: bool

    @classmethod
    def read(
        cls, root: Path, targets: Sequence[str], workers: int | None = None, force: bool = False
    ) -> Self:
        """Make the plan for some targets from DVC's graph and the environment's variables.

        Raises:
            UserError: A target is unknown, or a variable has a value that it cannot have.
        """
        whole = dag.read(root)
        graph, devices = whole.select(targets), of_this_machine(whole.stages)
        return cls(root, graph, devices, workers or devices.workers, stage_timeout(), force)

    @cached_property
    def settled(self) -> frozenset[str]:
        """The stages that DVC has found unchanged, asked once code.yaml is that of this code."""
        if self.force:
            return frozenset()
        if dag.CODE in self.graph.stages:
            digests.refresh(self.root)
        return dag.unchanged(self.root, self.graph)

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
            devices=self.devices,
            timeout=self.timeout,
            force=self.force,
        )
        emit(f"{outcome.how} in {outcome.seconds:.1f} s")
        return outcome
