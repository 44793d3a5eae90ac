"""Of a table an item reaches the rows that its settings name."""

from pathlib import Path

import pytest

from ae_lightning.registry import NamedBy
from pipelines.code_digest.tables import Item
from tests.pipelines.code_digest.test_normal_form import digest

TABLE = """
from typing import Annotated
from ae_lightning.registry import NamedBy

def one(x): return 1
def two(x): return 2
def three(x): return 3

BASE: Annotated[dict, NamedBy(values=("base",))] = {"three": three}
KINDS: Annotated[
    dict, NamedBy(values=("kind",), keys=("of",), switches=("l1",), also={"both": ("one", "two")})
] = {"one": one, "two": two, "l1": lambda x: 4, **BASE}
"""
RUN = "from ae_lightning.tables import KINDS\n\n\ndef run(x):\n    return KINDS[x](x)\n"
EDITS = {
    "one": ("return 1", "return 10"),
    "two": ("return 2", "return 20"),
    "three": ("return 3", "return 30"),
    "l1": ("lambda x: 4", "lambda x: 40"),
    "a new row": ('"one": one,', '"one": one, "new": print,'),
}


def noticed(folder: Path, run: str, *settings: dict[str, object]) -> set[str]:
    """Which edits change the digest of ``run`` for an item."""
    item, digests = Item(settings), {}
    for name, (old, new) in {"none": ("", ""), **EDITS}.items():
        files = {"ae_lightning/tables.py": TABLE.replace(old, new, 1), "pipelines/work.py": run}
        digests[name] = digest(folder / name, files, item)
    return {name for name in EDITS if digests[name] != digests["none"]}


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ([{}], set()),
        ([{"kind": "one"}], {"one"}),
        ([{"kind": "one"}, {"kind": "two"}], {"one", "two"}),
        ([{"kind": "both"}], {"one", "two"}),
        ([{"of": {"two": 0.5}}], {"two"}),
        ([{"l1": 0.1}], {"l1"}),
        ([{"l1": 0}], set()),
        ([{"base": "three"}], {"three"}),
        ([{"other": "one"}], set()),
    ],
)
def test_rows_that_settings_name_count(
    tmp_path: Path, settings: list[dict[str, object]], rows: set[str]
) -> None:
    assert noticed(tmp_path, RUN, *settings) == rows


def test_a_row_that_the_code_names_counts_for_every_item(tmp_path: Path) -> None:
    assert noticed(tmp_path, RUN.replace("KINDS[x]", 'KINDS["two"]')) == {"two"}


@pytest.mark.parametrize("use", ["list(KINDS)", "KINDS.get(x)", "x in KINDS", "print(KINDS)"])
def test_a_table_that_is_gone_through_counts_as_a_whole(tmp_path: Path, use: str) -> None:
    run = RUN.replace("KINDS[x](x)", use)
    assert noticed(tmp_path, run, {"kind": "one"}) >= {"one", "two", "l1", "a new row"}


def test_dotted_settings() -> None:
    named_by = NamedBy(values=("train.optimizer", "dataset.kind"), always=("always",))
    item = Item(({"train": {"optimizer": "muon"}}, {"dataset": {"kind": "idx"}}, {"train": 3}))
    assert item.rows(named_by) == {"muon", "idx", "always"}
