"""Imports that the reach cannot follow: each is listed, with why it decides no result."""

import ast
from collections.abc import Iterator

from pipelines.code_digest.source import Source

FOLLOWED_BY_NOBODY = {
    (
        "ae_lightning",
        "__getattr__",
    ): "`from ae_lightning import Model`, for people; no stage does so",
    (
        "pipelines.cli.stages",
        "_stage",
    ): "imports the stage that was asked for, where its reach begins",
}
DYNAMIC = {"import_module", "__import__", "eval", "exec", "globals", "run_module"}


def calls(source: Source) -> Iterator[tuple[str, str, str]]:
    """Calls by a name that makes code of a text, each with its module and definition."""
    for module in source.paths:
        parsed = source.module(module)
        places = {**parsed.statements, "": parsed.effects}
        for name, statements in places.items():
            for node in (node for statement in statements for node in ast.walk(statement)):
                if isinstance(node, ast.Call):
                    called = ast.unparse(node.func)
                    yield module, name, called
        if "__getattr__" in parsed.statements:
            yield module, "__getattr__", "import_module"


def test_dynamic_imports_are_known() -> None:
    found = {
        (module, name)
        for module, name, called in calls(Source())
        if called in DYNAMIC or called.rpartition(".")[2] in DYNAMIC - {"eval"}
        if not module.startswith("pipelines.code_digest")  # reads source, imports nothing by it
    }
    assert found == set(FOLLOWED_BY_NOBODY)
