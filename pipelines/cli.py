"""The command line ``ae``: a command per stage, the flow over them, and what is around it.

Whatever is heavy is imported inside the command that needs it, so that ``ae --help`` is instant.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ae_lightning.errors import UserError
from pipelines.use import commands

app = typer.Typer(
    help="The classic deep-autoencoder family as one reproducible pipeline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
STAGES = "Stages (dvc.yaml runs these)"
Name = Annotated[str, typer.Argument(help="Its name in params.yaml.")]


def _stage(stage: str, *names: str | int) -> None:
    """Run one stage's module; for DVC, only if it will record the digest of this code."""
    if "DVC_STAGE" in os.environ:
        from pipelines.code_digest import digests

        digests.check(stage, str(names[0]) if names else None)
    importlib.import_module(f"pipelines.stages.{stage}").run(*names)


@app.command(rich_help_panel=STAGES)
def code() -> None:
    """Write what the code means for each stage and item, by which DVC tells what is stale."""
    importlib.import_module("pipelines.stages.code").run()


@app.command(rich_help_panel=STAGES)
def prepare(dataset: Name) -> None:
    """Turn a dataset's raw files into prepared arrays."""
    _stage("prepare", dataset)


@app.command(rich_help_panel=STAGES)
def baseline(dataset: Name) -> None:
    """Score a dataset's raw examples, the baseline of every variant on it."""
    _stage("baseline", dataset)


@app.command(rich_help_panel=STAGES)
def pretrain(layer: Name) -> None:
    """Train one layer greedily on the frozen codes of those below."""
    _stage("pretrain", layer)


@app.command(rich_help_panel=STAGES)
def finetune(variant: Name) -> None:
    """Train all layers of a variant together, or solve it in closed form."""
    _stage("finetune", variant)


@app.command(rich_help_panel=STAGES)
def evaluate(variant: Name) -> None:
    """Measure a trained variant on the test set and draw its figures."""
    _stage("evaluate", variant)


@app.command(rich_help_panel=STAGES)
def repeat(variant: Name, seed: Annotated[int, typer.Argument(help="Any whole number.")]) -> None:
    """Train a variant again from another seed, pretraining included, in few epochs."""
    _stage("repeat", variant, seed)


@app.command(rich_help_panel=STAGES)
def compare(
    variants: Annotated[
        list[str] | None, typer.Argument(help="Evaluated variants; none: run the stage.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Put repeated trainings side by side, or the figures of the variants that are named.

    Example: ae compare deep-30 pca-30 (without names it is the stage that dvc.yaml runs).
    """
    if not variants:
        return _stage("compare")
    from pipelines.use import compare

    compare.compare(variants, as_json=json)


@app.command(rich_help_panel=STAGES)
def supervise(classifier: Name) -> None:
    """Teach a classifier by few and many labels, from every start and seed."""
    _stage("supervise", classifier)


@app.command(rich_help_panel=STAGES)
def grade(classifier: Name) -> None:
    """Measure a classifier's errors on the test set and draw them by number of labels."""
    _stage("grade", classifier)


@app.command(rich_help_panel=STAGES)
def tabulate() -> None:
    """Put all classifiers side by side: errors by number of labels, who is ahead."""
    _stage("tabulate")


@app.command(rich_help_panel=STAGES)
def report() -> None:
    """Put all variants side by side."""
    _stage("report")


@app.command()
def fetch(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="mnist, cifar10, reuters; all if none is named.")
    ] = None,
) -> None:
    """Fetch raw data into data/ and verify it. Example: ae fetch mnist."""
    from ae_lightning.data import fetch, pins

    fetch.fetch(datasets or list(pins.DATASETS))


@app.command()
def search(
    variant: Annotated[str, typer.Argument(help="An evaluated variant.")],
    query: Annotated[
        list[str] | None,
        typer.Argument(help="Words to search for, or image files and folders of them."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="A text file to search for instead.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="How many to show.", min=1)] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
    montage: Annotated[
        Path | None, typer.Option(help="A PNG to draw images and their nearest into.")
    ] = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Take files that are not what dvc.lock records.")
    ] = False,
) -> None:
    """Show the documents or images nearest to a query.

    Examples: ae search text-128 "crude oil opec"; ae search image-256 cat.jpg photos/
    """
    from pipelines import search

    if not search.search(
        variant,
        query or [],
        file=file,
        count=count,
        as_json=json,
        montage=montage,
        verify=not unverified,
    ):
        raise typer.Exit(2)


app.add_typer(commands.app)


@app.command()
def flow(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Stages or variants; everything if none is named.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Stages side by side.", min=1)] = None,
    force: Annotated[bool, typer.Option(help="Run stages even if nothing changed.")] = False,
) -> None:
    """Rebuild stages or variants with Prefect. Example: ae flow deep-30 --workers 2."""
    from pipelines import flow, runs

    runs.close_orphans()
    if not flow.run(targets or [], workers, force):
        raise typer.Exit(1)


@app.command()
def serve() -> None:
    """Offer the flow to a running Prefect server (PREFECT_API_URL), whose UI can then start it."""
    from pipelines import flow

    flow.serve()


@app.command()
def publish(
    names: Annotated[
        list[str] | None, typer.Argument(help="Variants or layers; all if none is named.")
    ] = None,
) -> None:
    """Record in MLflow what artifacts/ holds and the tracking store lacks; register variants."""
    from pipelines import publish

    publish.publish(names)


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000) -> None:
    """Open MLflow's UI on the configured store."""
    from pipelines import runs, store

    runs.close_orphans()
    store.serve(port)


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
