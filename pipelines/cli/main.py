"""The command line ``ae``: a command per stage, the flow over them, and inference.

Heavy packages are imported inside the command that needs them, so that ``ae --help`` is instant.
"""

import sys
from typing import Annotated

import typer

from ae_lightning.errors import UserError
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
    try:
        app()
    except (UserError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        print(f"ae: {error}", file=sys.stderr)
        sys.exit(2)
