"""All runs of a classifier: from every start, with every number of labels, from every seed."""

from __future__ import annotations

import copy
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import lightning
import numpy as np
from lightning import LightningModule, Trainer
from numpy.typing import NDArray

from ae_lightning import sealed
from ae_lightning.artifacts import RESUME
from ae_lightning.config.classifiers import Classifier, Run
from ae_lightning.config.environment import Environment
from ae_lightning.data.labelled import LabelledData
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed import process_group
from ae_lightning.distributed.global_batch import Share, sharing
from ae_lightning.errors import UserError
from ae_lightning.files import replaced
from ae_lightning.nn import checkpoint
from ae_lightning.nn import classifier as nets
from ae_lightning.nn.stack import Stack
from ae_lightning.training.callbacks import AtomicCheckpointIO, OwnSignals, Progress, ResumePoint
from ae_lightning.training.fingerprint import contents, fingerprint
from ae_lightning.training.run_record import RunRecord, write_epochs
from ae_lightning.training.supervised import Supervision, module_for
from ae_lightning.training.trainer import trainer_settings

SECONDS = 5.0
"""How long a run may last between two resume points: an epoch of few labels takes tenths."""


class Epochs(Progress):
    """Keep all metrics of each epoch and print none: there are many runs."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the epoch's figures; stop a run that diverged."""
        found = {key: float(value) for key, value in trainer.callback_metrics.items()}
        epoch, seconds = trainer.current_epoch + 1, time.perf_counter() - self._began
        if not all(map(math.isfinite, found.values())):
            raise UserError(
                f"{self.title}: epoch {epoch}: loss must be finite, found {found}; "
                "lower train.learning_rate"
            )
        self.rows.append({"epoch": epoch, "seconds": round(seconds, 3), **found})


class SparseResumePoint(ResumePoint):
    """Save after an epoch if the last time was some seconds ago; any rank's clock may differ."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._last = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if it is time, as the first process says."""
        if process_group.broadcast(time.monotonic() - self._last >= SECONDS):
            super().on_train_epoch_end(trainer, pl_module)
            self._last = time.monotonic()


@dataclass(frozen=True)
class Sweep:
    """The runs of classifier ``name`` on the layers ``below``.

    A run that has ended is kept aside in ``resume`` until all have, so that a killed process goes
    on with the one it was in, from its last resume point.
    """

    name: str
    classifier: Classifier
    below: Stack
    data: PreparedDataset
    environment: Environment
    resume: Path = RESUME

    def __post_init__(self) -> None:
        if len(self.data.classes) < 2:
            raise UserError(
                f"params.yaml: classifiers.{self.name}.data: must have at least two classes, found "
                f"{len(self.data.classes)} in {self.data.folder}; label its images"
            )

    def train(self) -> Iterator[tuple[Run, RunRecord]]:
        """Train the runs that are not trained yet; yields each run as it ends and prints a line."""
        runs, done = list(self.classifier.runs), self._done
        for number, run in enumerate(runs, start=1):
            folder = done / str(run)
            if not process_group.broadcast(process_group.is_first() and sealed.is_whole(folder)):
                self._train(run, folder, done)
            process_group.barrier()
            taught = RunRecord.read(folder)
            if process_group.is_first():
                print(f"{self.name}: {number}/{len(runs)}  {run}  {taught}", flush=True)
            yield run, taught

    def finish(self, folder: Path, curve: Path) -> None:
        """Write all runs into ``folder``, their epochs into ``curve`` (CSV); forget them here."""
        done = self._done
        runs = {run: RunRecord.read(done / str(run)) for run in self.classifier.runs}
        with replaced(folder) as partial:
            checkpoint.save(self.below, partial / nets.LAYERS, self.classifier.data)
            for run, taught in runs.items():
                shutil.copy(taught.weights, partial / f"{run}.safetensors")
            nets.ClassifierCheckpoint(
                partial,
                self.classifier.data,
                self.data.classes,
                str(self.classifier.best),
                {str(run): run._asdict() for run in runs},
            ).describe()
        write_epochs({run: taught.epochs for run, taught in runs.items()}, curve)
        shutil.rmtree(done, ignore_errors=True)

    def start(self, run: Run) -> nets.Classifier:
        """The untrained classifier of a run."""
        lightning.seed_everything(run.seed, verbose=False)
        stack = nets.untrained(self.below) if run.start == "random" else copy.deepcopy(self.below)
        return nets.Classifier(stack, len(self.data.classes), self.classifier.dropout)

    def teach(
        self, run: Run, places: NDArray[np.intp] | None = None, resume: ResumePoint | None = None
    ) -> tuple[Supervision, Epochs]:
        """Train a run, on the labelled images at ``places`` if not on its own."""
        # Nets that learn from few labels are small: nothing need be split.
        strategy = {"fsdp": "ddp"}.get(self.environment.strategy, self.environment.strategy)
        here = self.environment.model_copy(update={"strategy": strategy})
        data = LabelledData(
            self.classifier,
            run,
            self.data,
            here.memory_limit_mb,
            places=places,
            workers=here.workers,
        )
        frozen = run.start == "frozen"
        module = module_for(self.start(run), self.classifier, run.seed, frozen=frozen)
        epochs = Epochs(f"{self.name} {run}")
        trainer = lightning.Trainer(
            max_epochs=self.classifier.train.epochs,
            logger=False,
            callbacks=[OwnSignals(), epochs, *([resume] if resume else [])],
            plugins=[AtomicCheckpointIO()],
            enable_checkpointing=resume is not None,
            limit_val_batches=None if data.validation else 0,
            **trainer_settings(here),
        )
        with sharing(Share(trainer.global_rank, trainer.world_size, data.step)):
            trainer.fit(module, data, ckpt_path=resume.found() if resume else None)
        return module, epochs

    def _train(self, run: Run, folder: Path, done: Path) -> None:
        resume = SparseResumePoint(done / f"{run}.part")
        module, epochs = self.teach(run, resume=resume)
        if process_group.is_first():
            RunRecord.write(module.learned(), epochs.rows, run, folder)
            shutil.rmtree(resume.path.parent, ignore_errors=True)

    @cached_property
    def _done(self) -> Path:
        """Where ended runs of these settings, layers and data are."""
        names = product(("train", "validation"), ("inputs", "labels"))
        arrays = [self.data.array(f"{split}_{what}.npy") for split, what in names]
        read = contents(self.below.state_dict().values(), arrays)
        return self.resume / fingerprint(self.environment, self.classifier, read)
