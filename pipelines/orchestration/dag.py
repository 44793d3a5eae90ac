"""DVC's graph as plain data: stages and their dependencies.

``dvc.yaml`` is the only place that names stages and edges; here they are read by DVC itself, in a
process of its own, so that DVC's import is never part of ours.
"""

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Self

from ae_lightning.errors import UserError
from pipelines.orchestration import dvc

CODE = "code"
"""The stage that writes the code's digests, on which all others depend."""

ANSWERS = "pipelines.orchestration.dvc_answers"
"""The program that imports DVC."""


@dataclass(frozen=True)
class Graph:
    """Stages by address (``pretrain@mnist-1``), each with those it stands on directly."""

    stages: Mapping[str, frozenset[str]]

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Every stage after all of its upstreams."""
        return tuple(TopologicalSorter(self.stages).static_order())

    @cached_property
    def downstream(self) -> Mapping[str, frozenset[str]]:
        """Every stage with all those that stand on it, directly or not, itself included."""
        below: dict[str, set[str]] = {stage: {stage} for stage in self.stages}
        for stage in reversed(self.order):
            for upstream in self.stages[stage]:
                below[upstream] |= below[stage]
        return {stage: frozenset(names) for stage, names in below.items()}

    def select(self, targets: Sequence[str]) -> "Graph":
        """Return the targets and everything they stand on; without targets, everything.

        Args:
            targets: A stage's address (``pretrain@mnist-1``), the name of a group of stages
                (``evaluate``), or a variant or classifier (``deep-30``, which is
                ``evaluate@deep-30``; ``classifier`` is ``grade@classifier``).

        Raises:
            UserError: A target is none of these.
        """
        if not targets:
            return self
        wanted = {stage for target in targets for stage in self._resolve(target)}
        kept = [stage for stage in self.order if not wanted.isdisjoint(self.downstream[stage])]
        return Graph({stage: self.stages[stage] for stage in kept})

    def _resolve(self, target: str) -> list[str]:
        for matches in _MEANINGS:
            if found := [stage for stage in self.order if matches(stage, target)]:
                return found
        near = self._near(target)
        advice = f"did you mean {' or '.join(near)}?" if near else "`dvc stage list` names them"
        raise UserError(f"{target}: neither a stage nor a variant of dvc.yaml; {advice}")

    def _near(self, target: str) -> list[str]:
        if same_key := [stage for stage in self.order if stage.endswith(f"@{target}")]:
            return same_key
        groups = {stage.split("@", 1)[0] for stage in self.stages}
        variants = {stage.removeprefix("evaluate@").removeprefix("grade@") for stage in self.stages}
        names = sorted({*self.stages, *groups, *variants})
        return difflib.get_close_matches(target, names, n=3, cutoff=0.5)


# What a target may mean, in this order.
_MEANINGS: tuple[Callable[[str, str], bool], ...] = (
    lambda stage, target: stage == target,
    lambda stage, target: stage.split("@", 1)[0] == target,
    lambda stage, target: stage in (f"evaluate@{target}", f"grade@{target}"),
)


class DvcReader:
    """A DVC process that reads a project once, and answers for its graph and what has changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process = subprocess.Popen(
            [sys.executable, "-m", ANSWERS],
            cwd=root,
            env={**os.environ, "DVC_NO_ANALYTICS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # it only reads
        self._process.communicate()

    def graph(self) -> Graph:
        """The project's stages; other nodes of DVC's, such as ``data.dvc``, are nobody's task.

        Raises:
            UserError: DVC cannot read the project.
        """
        stages = self._answer()
        return Graph({stage: frozenset(above) for stage, above in stages.items()})

    def unchanged(self, graph: Graph) -> frozenset[str]:
        """Return the stages that DVC would skip, found in one go; call :meth:`graph` before.

        A stage below a changed one is not among them: whether it changes is known only when the one
        above has run. What the stage ``code`` will write is known before, as code.yaml has been
        refreshed. If DVC cannot tell (its lock is held), none is, and each will be asked apart.
        """
        try:
            changed = set(self._answer(list(graph.stages)))
        except UserError:
            return frozenset()
        below = (graph.downstream[stage] for stage in changed - {CODE})
        return frozenset(graph.stages).difference(changed, *below)

    def _answer(self, question: Sequence[str] = ()) -> Any:
        asked = f"{json.dumps(question)}\n" if question else ""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(asked)
            self._process.stdin.flush()
        if line := self._process.stdout.readline():
            return json.loads(line)
        _, errors = self._process.communicate()
        reason = dvc.explain(errors.splitlines()).meaning
        raise UserError(f"DVC cannot read the project in {self.root}: {reason}")
