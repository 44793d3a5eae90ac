"""DVC's graph as plain data: stages and their dependencies.

``dvc.yaml`` is the only place that names stages and edges; here they are read from DVC's own
commands, in processes of their own, so that DVC's import is never part of ours.
"""

import difflib
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

from ae_lightning.errors import UserError
from pipelines.orchestration import dvc

CODE = "code"
"""The stage that writes the code's digests, on which all others depend."""

# A quoted name, in which \" and \\ are escaped; an arrow; or a bare word.
_DOT_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(->)|([^\s";\[\]{}]+)')


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


def parse(dot: str, names: Iterable[str]) -> Graph:
    """Build the graph from the output of ``dvc dag --dot``.

    Args:
        dot: The text; an edge ``"a" -> "b"`` says that b stands on a.
        names: The stages' addresses. Other nodes, such as ``data.dvc``, are nobody's task and
            are left out.
    """
    upstream: dict[str, set[str]] = {name: set() for name in names}
    for line in dot.splitlines():
        match [_word(token) for token in _DOT_TOKEN.finditer(line)]:
            case [above, "->", below, *_] if above in upstream and below in upstream:
                upstream[below].add(above)
    return Graph({stage: frozenset(above) for stage, above in upstream.items()})


def _word(token: re.Match[str]) -> str:
    quoted, arrow, bare = token.groups()
    return re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else arrow or bare


def read(root: Path) -> Graph:
    """Ask DVC for the graph of the project at ``root``.

    Raises:
        UserError: DVC cannot read the project.
    """
    commands = (("dag", "--dot"), ("stage", "list", "--name-only"))
    with ThreadPoolExecutor(len(commands)) as pool:
        dot, names = pool.map(lambda command: _ask(root, *command), commands)
    return parse(dot, names.split("\n")[:-1])


def unchanged(root: Path, graph: Graph) -> frozenset[str]:
    """Return the stages that DVC would skip, found in one go.

    A stage below a changed one is not among them: whether it changes is known only when the one
    above has run. What the stage ``code`` will write is known before, as code.yaml has been
    refreshed. If DVC cannot tell (its lock is held), none is, and each will be asked apart.
    """
    try:
        status = json.loads(_ask(root, "status", "--json", *graph.stages))
    except (UserError, json.JSONDecodeError):
        return frozenset()
    changed = set(status).intersection(graph.stages)
    below = (graph.downstream[stage] for stage in changed - {CODE})
    return frozenset(graph.stages).difference(changed, *below)


def _ask(root: Path, *arguments: str) -> str:
    answer = subprocess.run([*dvc.COMMAND, *arguments], cwd=root, capture_output=True, text=True)
    if answer.returncode:
        reason = dvc.explain(answer.stderr.splitlines()).meaning
        raise UserError(f"`dvc {' '.join(arguments[:2])}` failed in {root}: {reason}")
    return answer.stdout
