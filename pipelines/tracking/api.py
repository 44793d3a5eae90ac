"""MLflow runs of a stage: one experiment per dataset, one run per variant and pretrained layer.

`resume` finds a run by its model's contents, not by an id written into the model's folder: so a
stage's outputs stay the same bit for bit from run to run and from checkout to checkout.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.tracking import provenance, queries
from pipelines.tracking.queries import STAGES
from pipelines.tracking.run import Run

BY = "publish"  # who records what the store lacks


@contextmanager
def start(
    *,
    experiment: str,
    name: str,
    stage: str,
    parameters: Mapping[str, Any],
    inputs: Sequence[Path] = (),
    dataset: Path | None = None,
) -> Iterator[Run]:
    """Record the block as a new run; it ends FINISHED, FAILED or KILLED as the block does.

    Args:
        experiment: The dataset's name.
        name: The variant's or layer's name.
        stage: ``pretrain`` or ``finetune``.
        parameters: Resolved parameters, nested.
        inputs: Artifacts it is built from, whose DVC hashes become tags.
        dataset: The prepared dataset, recorded as MLflow's dataset input.
    """
    run = Run(experiment, name)
    run.create(stage, inputs)
    run.describe(parameters, dataset)
    with _closing(run):
        yield run


@contextmanager
def resume(
    *,
    experiment: str,
    name: str,
    model: Path,
    parameters: Mapping[str, Any],
    stage: str = "evaluate",
    inputs: Sequence[Path] = (),
    dataset: Path | None = None,
) -> Iterator[Run]:
    """Record the block in the newest run that made this very model, whatever machine it was on.

    The run is found by the tag ``model.digest``. Where the store knows none (it was away, or DVC
    brought the model), a new run begins with the model's files.
    """
    run, made_in = Run(experiment, name), STAGES.get(model.parent.name, stage)
    found: list[str] = []
    if not run.guard.lost:
        with run.guard:
            made = queries.made_by(experiment, name, made_in, provenance.digest(model))
            found = [known.info.run_id for known in made]
    if found:
        run.reopen(found[0], made_in, stage, inputs)
    else:
        run.create(made_in, inputs, by=stage)
        run.log_model(model)
    run.describe(parameters, dataset)
    with _closing(run):
        yield run


@contextmanager
def fill(
    run: Run,
    known: str | None,
    *,
    stage: str,
    parameters: Mapping[str, Any],
    inputs: Sequence[Path] = (),
    dataset: Path | None = None,
    others: Sequence[str] | None = None,
) -> Iterator[None]:
    """Record the block in ``run``, which goes on as the one with the id ``known``, or begins.

    Args:
        run: A new :class:`Run`.
        known: The id of the run that the store has already.
        stage: That of a new run.
        parameters: As for :func:`start`.
        inputs: As for :func:`start`.
        dataset: As for :func:`start`.
        others: As for :meth:`Run.describe`.
    """
    if known:
        run.reopen(known, stage, BY, inputs)
    else:
        run.create(stage, inputs, by=BY)
    run.describe(parameters, dataset, others)
    with _closing(run):
        yield


@contextmanager
def _closing(run: Run) -> Iterator[None]:
    """Close the run as the block ends: an exit on a signal or Ctrl-C is no failure of ours."""
    status = "KILLED"
    try:
        yield
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        run.close(status)
