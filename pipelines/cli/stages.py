"""A command per stage; ``dvc.yaml`` runs these.

A stage's module is imported when its command is called, so that ``ae --help`` is instant.
"""

import importlib
import os
from typing import Annotated

import typer

from pipelines.imports import uncollected

app = typer.Typer()
STAGES = "Stages (dvc.yaml runs these)"
Name = Annotated[str, typer.Argument(help="Its name in params.yaml.")]


TRAININGS = ("pretrain", "finetune", "repeat", "supervise")


def _stage(stage: str, *names: str | int) -> None:
    """Run one stage's module; for DVC, only if it will record the digest of this code.

    Trainings have the digest in AE_CODE, by which they go on where they were killed.
    """
    if "DVC_STAGE" in os.environ:
        from pipelines.orchestration import parent

        parent.end_with_parent()
    if "DVC_STAGE" in os.environ or stage in TRAININGS:
        from pipelines.code_digest import digests

        item = str(names[0]) if names else None
        if digest := digests.running(stage, item):  # the stage itself tells of an unknown item
            os.environ["AE_CODE"] = digest
            if "DVC_STAGE" in os.environ:
                digests.check(digest, stage, item)
    with uncollected():
        module = importlib.import_module(f"pipelines.stages.{stage}")
        if stage in TRAININGS:
            from ae_lightning.training import limits

            limits.check(stage, str(names[0]))
    module.run(*names)


@app.command(rich_help_panel=STAGES)
def code() -> None:
    """Write code.yaml: digests of the code of each stage, by which DVC tells what is stale."""
    from pipelines.stages import code

    code.run()


@app.command(rich_help_panel=STAGES)
def prepare(dataset: Name) -> None:
    """Turn a dataset's raw files into prepared arrays."""
    _stage("prepare", dataset)


@app.command(rich_help_panel=STAGES)
def baseline(dataset: Name) -> None:
    """Score what variants are compared with: a dataset's raw examples, PCA or LSA of each size."""
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
    from pipelines.cli import compare

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
