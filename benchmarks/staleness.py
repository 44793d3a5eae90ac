"""How many trainings an edit makes stale: the project's own code and params.yaml, edited in a copy.

    python benchmarks/staleness.py

For each edit the digests of code.yaml are computed again, and those that differ are counted.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from pipelines.code_digest.digests import Project, digests
from pipelines.code_digest.source import PACKAGES, Source

ROOT = Path(__file__).parents[1]
LIBRARY = "ae_lightning/"
Change = Callable[[str], str]


class Edit(NamedTuple):
    """Changes by file, and which items of which stages alone may become stale by them."""

    name: str
    changes: Mapping[str, Change]
    may: Callable[[str, str], bool] = lambda stage, words: False


def replace(old: str, new: str) -> Change:
    """Put ``new`` in place of ``old``, which must be there."""

    def change(text: str) -> str:
        if old not in text:
            raise SystemExit(f"no longer in the code, mend this benchmark: {old!r}")
        return text.replace(old, new)

    return change


def append(more: str) -> Change:
    """Add lines at the end, or write a new file of them."""
    return lambda text: text + more


def convolves(stage: str, words: str) -> bool:
    """Whether an item has a convolutional layer, or everything is looked at together."""
    return "'kind': 'conv'" in words or stage in TOGETHER


def by_muon(stage: str, words: str) -> bool:
    """Whether an item is trained by Muon, or stands on what is."""
    return "'optimizer': 'muon'" in words or stage in TOGETHER


def evaluates(stage: str, words: str) -> bool:
    """Whether images are evaluated."""
    return stage == "evaluate" and "'kind': 'documents'" not in words


def anything(stage: str, words: str) -> bool:
    """Every item."""
    return True


TOGETHER = ("compare", "tabulate", "report")
TRAININGS = ("pretrain", "finetune", "repeat", "supervise")
WAVY = '''"""A layer."""

from ae_lightning.nn.layers.dense import DenseLayer


class WavyLayer(DenseLayer):
    def trace(self, x):
        return super().trace(x.sin())
'''
EDITS = (
    Edit(
        "docstring",
        {
            "distributed/process_group.py": lambda text: re.sub(
                r'^( *""")(?=[A-Z])', r"\1In short: ", text, flags=re.MULTILINE
            )
        },
    ),
    Edit("comment", {"training/fit.py": append("\n# Read this twice.\n")}),
    Edit("annotation", {"nn/penalties.py": replace("(code: Tensor)", "(code: object)")}),
    Edit("text of an error", {"nn/stack.py": replace("use layers of one chain", "change it")}),
    Edit("function added", {"nn/activations.py": append("\n\ndef swish(x):\n    return x\n")}),
    Edit("module renamed", {"nn/penalties.py": lambda text: "", "nn/on_codes.py": append("")}),
    Edit(
        "new penalty",
        {
            "config/layers.py": replace(
                "    contractive: PenaltyWeight = 0.0",
                "    contractive: PenaltyWeight = 0.0\n    l3: PenaltyWeight = 0.0",
            ),
            "nn/penalties.py": lambda text: replace('"l2", ', '"l2", "l3", ')(
                replace(
                    '    "contractive": lambda',
                    '    "l3": lambda output, context: l2(output.code),\n    "contractive": lambda',
                )(text)
            ),
        },
    ),
    Edit(
        "new objective",
        {
            "config/layers.py": replace(
                "    views: Annotated[",
                "    halves: Annotated[bool, OBJECTIVE] = False\n    views: Annotated[",
            ),
            "training/objectives/table.py": replace(
                '    "views": TrainingObjective(',
                '    "halves": TrainingObjective(),\n    "views": TrainingObjective(',
            ),
        },
    ),
    Edit(
        "new metric of images",
        {
            "evaluation/metrics/suite.py": replace(
                '    "activity": activity,', '    "activity": activity,\n    "again": activity,'
            )
        },
        evaluates,
    ),
    Edit(
        "new kind of layer",
        {
            "nn/layers/wavy.py": append(WAVY),
            "nn/stack.py": lambda text: replace(
                '    "dense": DenseLayer,', '    "wavy": WavyLayer,\n    "dense": DenseLayer,'
            )(
                replace(
                    "class ForwardOutput(",
                    "from ae_lightning.nn.layers.wavy import WavyLayer\n\n\nclass ForwardOutput(",
                )(text)
            ),
            "training/greedy.py": replace(
                '    "dense": Kind(dense),', '    "wavy": Kind(dense),\n    "dense": Kind(dense),'
            ),
        },
    ),
    Edit(
        "new optimiser",
        {"nn/optim.py": replace('    "sgd": _sgd,', '    "sgd": _sgd,\n    "slow": _sgd,')},
    ),
    Edit(
        "convolutional layer",
        {"nn/layers/conv.py": replace("self.spec.pool, return", "2, return")},
        convolves,
    ),
    Edit("Muon", {"nn/muon.py": replace("1.01", "1.02")}, by_muon),
    Edit(
        "fit()",
        {
            "training/fit.py": replace(
                "max_epochs=training.epochs", "max_epochs=1 + training.epochs"
            )
        },
        anything,
    ),
)


def edited(edit: Edit, folder: Path) -> None:
    """Make an edit in a copy of the packages."""
    for name, change in edit.changes.items():
        path = folder / LIBRARY / name
        path.write_text(change(path.read_text() if path.exists() else ""))
    if edit.name == "module renamed":
        old, new = (folder / LIBRARY / name for name in edit.changes)
        new.write_text((ROOT / LIBRARY / "nn/penalties.py").read_text())
        old.unlink()
        for path in folder.rglob("*.py"):
            path.write_text(path.read_text().replace("nn.penalties", "nn.on_codes"))


def flat(found: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Digests by stage and item."""
    items = {stage: each if isinstance(each, dict) else {"": each} for stage, each in found.items()}
    return {(stage, name): digest for stage, each in items.items() for name, digest in each.items()}


def words(project: Project) -> dict[tuple[str, str], str]:
    """What each item's settings say, those of its layers included where they are trained anew."""
    tables = {
        "pretrain": project.layers(),
        "finetune": project.variants(),
        "repeat": project.repeats(),
        "evaluate": project.variants(),
        "supervise": project.graded(),
        "grade": project.graded(),
    }
    return {
        (stage, name): str(item.settings)
        for stage, items in tables.items()
        for name, item in items.items()
    }


def main() -> None:
    """Print a row for each edit; ends with 1 if an edit made something stale that it may not."""
    project = Project.load(ROOT / "params.yaml")
    before, said = flat(digests(project, Source(ROOT))), words(project)
    trainings = [key for key in before if key[0] in TRAININGS]
    table = Table(
        "edit",
        f"trainings stale (of {len(trainings)})",
        f"all (of {len(before)})",
        "only where it may",
    )
    wrong = False
    for edit in EDITS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for package in PACKAGES:
                shutil.copytree(ROOT / package, folder / package)
            edited(edit, folder)
            after = flat(digests(project, Source(folder)))
        stale = [key for key in before if after[key] != before[key]]
        good = all(edit.may(key[0], said.get(key, "")) for key in stale)
        wrong |= not good
        count = sum(key in trainings for key in stale)
        table.add_row(edit.name, str(count), str(len(stale)), "yes" if good else "NO")
    Console().print(table)
    raise SystemExit(wrong)


if __name__ == "__main__":
    main()
