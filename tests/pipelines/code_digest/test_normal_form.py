"""What changes a definition's meaning and what does not, on a package of a few lines."""

import ast
import copy
from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from pipelines.code_digest import reach as module
from pipelines.code_digest.normal_form import normal_form
from pipelines.code_digest.reach import Reach
from pipelines.code_digest.source import Definition, Source
from pipelines.code_digest.tables import Item

NOTHING = Item()
RUN = Definition("pipelines.work", "run")
WORK = """
import numpy as np
from ae_lightning.helpers import helper, LIMIT


def run(x):
    return np.maximum(helper(x), LIMIT)
"""
HELPERS = """
LIMIT = 3


def helper(x):
    if x < 0:
        raise ValueError(f"x: must be 0 or more, found {x}")
    return x + 1


def other(x):
    return x - 1
"""


def digest(folder: Path, files: dict[str, str], item: Item = NOTHING) -> str:
    """The digest of ``run`` in two packages that hold these files."""
    for package in ("ae_lightning", "pipelines"):
        (folder / package).mkdir(parents=True, exist_ok=True)
        (folder / package / "__init__.py").touch()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Reach(Source(folder)).digest([RUN], item)


@pytest.fixture
def of(tmp_path: Path):
    """The digest of work and helpers, edited."""
    number = iter(range(100))

    def digest_of(work: str = WORK, helpers: str = HELPERS, **more: str) -> str:
        files = {"pipelines/work.py": work, "ae_lightning/helpers.py": helpers}
        return digest(tmp_path / str(next(number)), files | more)

    return digest_of


SAME = {
    "docstring": HELPERS.replace("def helper(x):", 'def helper(x):\n    """Adds one."""'),
    "module docstring": '"""Helpers."""' + HELPERS,
    "comment": HELPERS.replace("return x + 1", "return x + 1  # one more"),
    "annotation": HELPERS.replace("def helper(x):", "def helper(x: float) -> float:"),
    "annotated constant": HELPERS.replace("LIMIT = 3", "LIMIT: int = 3"),
    "error text": HELPERS.replace("must be 0 or more", "must not be below 0"),
    "error cause": HELPERS.replace('{x}")', '{x}") from None'),
    "unused function": HELPERS + "\n\ndef unused():\n    return 7\n",
    "edit of what is not reached": HELPERS.replace("x - 1", "x - 2"),
    "layout": HELPERS.replace("x + 1", "(\n        x\n        + 1\n    )"),
    "type checking": HELPERS + "if TYPE_CHECKING:\n    from ae_lightning import nothing\n",
    "order": HELPERS.replace("LIMIT = 3\n", "") + "\n\nLIMIT = 3\n",
}
OTHER = {
    "constant": HELPERS.replace("LIMIT = 3", "LIMIT = 4"),
    "operator": HELPERS.replace("x + 1", "x - 1"),
    "condition": HELPERS.replace("x < 0", "x <= 0"),
    "kind of error": HELPERS.replace("ValueError", "TypeError"),
    "default": HELPERS.replace("def helper(x):", "def helper(x, y=1):"),
    "decorator": HELPERS.replace("def helper", "@staticmethod\ndef helper"),
    "what runs at import": HELPERS + "\nprint('imported')\n",
    "calls another": HELPERS.replace("return x + 1", "return other(x) + 2"),
}


@pytest.mark.parametrize("helpers", SAME.values(), ids=SAME)
def test_what_means_the_same(of, helpers: str) -> None:
    assert of(helpers=helpers) == of()


@pytest.mark.parametrize("helpers", OTHER.values(), ids=OTHER)
def test_what_means_something_else(of, helpers: str) -> None:
    assert of(helpers=helpers) != of()


def test_renaming_and_moving_change_nothing(of) -> None:
    renamed = of(
        WORK.replace("helper(", "increment(").replace("helper,", "increment,"),
        HELPERS.replace("helper", "increment"),
    )
    moved = of(
        WORK.replace(
            "import helper, LIMIT", "import LIMIT\nfrom ae_lightning.maths.add import helper"
        ),
        HELPERS,
        **{
            "ae_lightning/maths/__init__.py": "",
            "ae_lightning/maths/add.py": HELPERS.replace("LIMIT = 3", ""),
        },
    )
    by_module = of(
        WORK.replace(
            "from ae_lightning.helpers import helper, LIMIT",
            "from ae_lightning import helpers as h",
        )
        .replace("helper(x)", "h.helper(x)")
        .replace(", LIMIT", ", h.LIMIT")
    )
    inside = of(
        WORK.replace("from ae_lightning.helpers import helper, LIMIT", "").replace(
            "    return", "    from ae_lightning.helpers import LIMIT, helper\n    return"
        )
    )
    assert {renamed, moved, by_module, inside} == {of()}


def test_calling_another_function_of_the_same_text_is_seen(of) -> None:
    """Functions of the same words are told apart by what they call."""
    helpers = """
def one(): return 1
def two(): return 2
def first(): return one()
def second(): return two()
LIMIT = 3
"""
    work = WORK.replace("helper, LIMIT", "first, second, LIMIT")
    there = of(work.replace("np.maximum(helper(x), LIMIT)", "first() - second()"), helpers)
    back = of(work.replace("np.maximum(helper(x), LIMIT)", "second() - first()"), helpers)
    assert there != back


def test_a_package_under_another_name_is_another(of) -> None:
    assert of(WORK.replace("import numpy as np", "import numpy.linalg as np")) != of()
    assert of(WORK.replace("import numpy as np", "import numpy as n").replace("np.", "n.")) == of()


SHADOWS = """
from ae_lightning.helpers import helper


def run(x):
    {}
"""


@pytest.mark.parametrize(
    "body",
    [
        "helper = x\n    return helper",
        "return [helper for helper in x]",
        "return lambda helper: helper",
        "for helper in x:\n        print(helper)",
        "with x as helper:\n        return helper",
        "return (helper := x) + helper",
        "def helper(): ...\n    return helper()",
    ],
)
def test_a_local_name_is_nothing_global(of, body: str) -> None:
    shadow = SHADOWS.format(body)
    assert of(shadow) == of(shadow, HELPERS.replace("x + 1", "x + 9"))


@pytest.mark.parametrize(
    "body",
    [
        "return [x for x in helper(x)]",
        "return [helper for helper in x] + helper(x)",
        "global helper\n    helper = helper(x)",
        "class Local:\n        helper = 1\n\n        def call(self):\n            return helper(x)",
        "return lambda y=helper: y(x)",
        "def inner():\n        return helper(x)\n    return inner",
        "match x:\n        case helper.kind:\n            return 1",
    ],
)
def test_a_global_name_is_found_among_local_ones(of, body: str) -> None:
    text = SHADOWS.format(body)
    assert of(text) != of(text, HELPERS.replace("x + 1", "x + 9"))


CLASSES = """
from pydantic import BaseModel


class Base:
    def shared(self):
        return 1


class Used(Base):
    def work(self):
        return 2


class Field(BaseModel):
    size: int = 3


class Model(BaseModel):
    field: Field
"""


def of_classes(of, text: str) -> str:
    used = "from ae_lightning.helpers import Used, Model\n\n\n"
    return of(used + "def run(x):\n    return Used(), Model(x)\n", text)


def test_a_class_counts_with_its_methods_bases_and_what_pydantic_makes_of_its_fields(of) -> None:
    before = of_classes(of, CLASSES)
    for a, b in (
        ("return 1", "return 11"),
        ("return 2", "return 22"),
        ("size: int = 3", "size: int = 4"),
    ):
        assert of_classes(of, CLASSES.replace(a, b)) != before
    assert of_classes(of, CLASSES.replace("size: int", "size: float")) == before


def test_a_module_that_is_passed_on_counts_as_a_whole(of) -> None:
    """Anything of it may be taken from it by name."""
    work = "from ae_lightning import helpers\n\n\ndef run(x):\n    return getattr(helpers, x)\n"
    assert of(work) != of(work, HELPERS.replace("x - 1", "x - 2"))


def test_an_f_string_means_the_same_to_every_python(tmp_path: Path) -> None:
    [stated] = ast.parse("f'{x:<{width}} of {y!r}'").body
    again = copy.deepcopy(stated)
    again.value.values[0].format_spec.values.append(ast.Constant(""))  # as Python 3.12.1 has it
    digest(tmp_path, {"pipelines/work.py": WORK, "ae_lightning/helpers.py": HELPERS})
    forms = {
        normal_form(Source(tmp_path), "pipelines", [each], "").digest for each in (stated, again)
    }
    assert len(forms) == 1


def test_files_beside_a_module_count(of) -> None:
    files = {"ae_lightning/__init__.py": "", "ae_lightning/assets/page.css": "a {}"}
    assert of(**files) != of()
    assert of(**files) != of(**files | {"ae_lightning/assets/page.css": "b {}"})


def test_what_decides_nothing_is_not_followed(of, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.NEUTRAL, "ae_lightning.helpers", "for this test")
    assert of() == of(helpers=OTHER["constant"])


def test_of_settings_public_methods_and_constants_count_alone(
    of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTINGS", ("ae_lightning.helpers",))
    settings = """
class Used:
    size: int = 3

    def _check(self):
        return 1

    def work(self):
        return 2


class Model: ...


def load():
    return 5
"""
    before = of_classes(of, settings)
    for a, b in (("int = 3", "int = 4"), ("return 1", "return 11"), ("return 5", "return 55")):
        assert of_classes(of, settings.replace(a, b)) == before
    assert of_classes(of, settings.replace("return 2", "return 22")) != before


def test_a_syntax_error_is_one_line(of) -> None:
    with pytest.raises(
        UserError, match=r"helpers\.py, line 2: no valid Python .*; mend it"
    ) as told:
        of(helpers="\ndef helper(:\n")
    assert "\n" not in str(told.value)
