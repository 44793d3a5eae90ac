"""The command line ``ae``: a command per stage, the flow over them, and inference.

Heavy packages are imported inside the command that needs them, so that ``ae --help`` is instant.
"""

import re
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated

import typer

from ae_lightning import foreign_variables, redact
from ae_lightning.errors import NO_ROOM, UserError, one_line
from pipelines.cli import inference, operations, stages

app = typer.Typer(
    help="The classic deep-autoencoder family as one reproducible pipeline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _group in (stages, inference, operations):
    app.add_typer(_group.app)


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
) -> None:
    """Options of every command."""
    context.obj = debug


def main() -> None:
    """Run the command line; a person's mistake is one line on stderr and exit status 2."""
    redact.install()
    try:
        foreign_variables.settle()
        app()
    except (UserError, OSError, ModuleNotFoundError) as error:
        said = f"ae: {error}"
        if isinstance(error, ModuleNotFoundError):
            said = _needs(str(error.name))
        elif isinstance(error, OSError):
            place = error.filename or f"{Path.cwd()} or {gettempdir()}"
            remedy = "make room" if error.errno in NO_ROOM else "mend or name another"
            said = f"ae: {place}: {error.strerror or error}; {remedy}"
        if not said or "--debug" in sys.argv:
            raise
        print(one_line(said), file=sys.stderr)
        sys.exit(2)


def _needs(module: str) -> str:
    """The line that says which extra brings an absent module; empty if none of ours does.

    Distributions of the extras that are imported have the names of their modules.
    """
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    with suppress(PackageNotFoundError):
        for requirement in requires("ae-lightning") or ():
            wanted = re.match(r"([\w.]+).*extra == ['\"](\w+)", requirement.replace("-", "_"))
            if wanted and wanted[1] == module.partition(".")[0]:
                extra = f"'ae-lightning[{wanted[2]}]'"
                return f'ae {command}: needs the extra "{wanted[2]}"; pip install {extra}'
    return ""
