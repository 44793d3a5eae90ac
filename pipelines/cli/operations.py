"""``ae fetch``, ``search``, ``flow``, ``serve``, ``publish`` and ``ui``: options and examples."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def fetch(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="mnist, cifar10, reuters; all if none is named.")
    ] = None,
) -> None:
    """Fetch raw data into data/ and verify it; with all, the script of the report's page.

    Example: ae fetch mnist
    """
    from ae_lightning.data.sources import checksums, fetch
    from ae_lightning.subprocesses import sigterm_exits

    with sigterm_exits():
        fetch.fetch(datasets or list(checksums.DATASETS))
        if not datasets:
            from pipelines.report import plotly_js

            plotly_js.plotly_js()


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
    from pipelines.cli.search import dispatch

    if not dispatch.search(
        variant,
        query or [],
        file=file,
        count=count,
        as_json=json,
        montage=montage,
        verify=not unverified,
    ):
        raise typer.Exit(2)


@app.command()
def flow(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Stages or variants; everything if none is named.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Stages side by side.", min=1)] = None,
    force: Annotated[bool, typer.Option(help="Run stages even if nothing changed.")] = False,
) -> None:
    """Rebuild stages or variants with Prefect. Example: ae flow deep-30 --workers 2."""
    from pipelines.orchestration import start

    def close_orphans() -> None:
        from pipelines.tracking import queries

        queries.close_orphans()

    if not start.run(targets or [], workers, force, before=close_orphans):
        raise typer.Exit(1)


@app.command()
def serve() -> None:
    """Offer the flow to a running Prefect server (PREFECT_API_URL), whose UI can then start it."""
    from pipelines.orchestration import start

    start.load_flow().serve()


@app.command()
def publish(
    names: Annotated[
        list[str] | None, typer.Argument(help="Variants or layers; all if none is named.")
    ] = None,
) -> None:
    """Record in MLflow what artifacts/ holds and the tracking store lacks; register variants."""
    from pipelines.tracking import publish

    if recorded := publish.publish(names):
        print(f"recorded: {' '.join(recorded)}")


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000) -> None:
    """Open MLflow's UI on the configured store."""
    from pipelines.tracking import queries, store

    queries.check_store()
    queries.close_orphans()
    store.serve(port)
