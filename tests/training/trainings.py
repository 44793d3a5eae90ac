"""A process that trains every kind of stack a little and stores the result.

    python trainings.py OUT [CASE...]

It runs in as many processes as AE_DEVICES, torchrun or SLURM say. What it stores must not depend on
their number.
"""

import csv
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from ae_lightning.config.classifiers import Classifier
from ae_lightning.config.environment import Environment, environment
from ae_lightning.config.layers import Layer, Objective, Training, Views
from ae_lightning.config.variants import Variant
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.sequences import Sequences
from ae_lightning.distributed import process_group
from ae_lightning.distributed.launch import alone, together
from ae_lightning.errors import UserError
from ae_lightning.evaluation import evaluator as evaluation
from ae_lightning.evaluation.evaluator import Evaluator
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.conv import ConvSpec
from ae_lightning.nn.layers.dense import DenseSpec, TiedLayer
from ae_lightning.nn.layers.sequence import SequenceLayer, SequenceSpec
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.training import fit as fits
from ae_lightning.training.fit import fit
from ae_lightning.training.objectives.contrastive_divergence import ContrastiveDivergence
from ae_lightning.training.pretrain import pretrain
from ae_lightning.training.setup import Fit
from ae_lightning.training.sweep import Sweep
from tests.conftest import bars

OUT = Path(sys.argv[1])
RANDOM = np.random.default_rng(0)
IMAGES = [bars(examples, seed)[0] for seed, examples in enumerate((96, 25))]
COLOURED = RANDOM.integers(0, 256, (66, 6, 6, 3), np.uint8)
LENGTHS = RANDOM.integers(0, 9, 121)
TOKENS = Sequences(RANDOM.integers(3, 30, LENGTHS.sum()), np.concatenate([[0], LENGTHS.cumsum()]))
MEASURED = {"sequence": TOKENS, "views": COLOURED}
BARS = {"data": "bars", "input": "prepared/bars"}
UNEVEN = {"epochs": 3, "batch_size": 33, "optimizer": "adamw", "learning_rate": 0.01}


def settings(here: Environment, name: str, **options: Any) -> Fit:
    given, asked = (
        {key: options.pop(key) for key in [*options] if key in model.model_fields}
        for model in (Training, Objective)
    )
    options.setdefault("item", Objective(**asked))
    training = Training(**(UNEVEN | given))
    places = {"curve": OUT / f"{name}.csv", "resume": OUT / "resume"}
    return Fit(training, here, title=name, **places, **options)


def dense(how: Callable[..., Fit]) -> Stack:
    specs = chain_specs(64, (16, 5), hidden="gelu", code="linear", output="sigmoid")
    noise = {"mask": 0.3, "gaussian": 0.4, "salt-and-pepper": 0.2}
    penalties = {"l2": 0.01, "contractive": 0.001}
    options = {"shift": 1, "corruption": noise, "weight_decay": 0.1, **penalties}
    return fit(checkpoint.build(specs), *IMAGES, how(**options))


def muon(how: Callable[..., Fit]) -> Stack:
    specs = chain_specs(64, (16, 5), hidden="gelu", code="linear", output="sigmoid")
    return fit(checkpoint.build(specs), *IMAGES, how(optimizer="muon"))


def plain(how: Callable[..., Fit]) -> Stack:
    specs = chain_specs(64, (16, 5), hidden="gelu", code="linear", output="sigmoid")
    return fit(checkpoint.build(specs), *IMAGES, how(optimizer="adamw", batch_size=32, epochs=12))


def tied(how: Callable[..., Fit]) -> Stack:
    spec = DenseSpec(kind="tied", inputs=64, units=7, activation="tanh", output="sigmoid")
    return fit(checkpoint.build([spec]), *IMAGES, how(l1=0.01))


def conv(how: Callable[..., Fit]) -> Stack:
    image = (1, 8, 8)
    options = {"kernel": 3, "pool": 2, "activation": "gelu", "output": "sigmoid"}
    spec = ConvSpec.of(image, 4, unpooling="switches", **options)
    return fit(checkpoint.build([spec]), *IMAGES, how())


def machine(how: Callable[..., Fit]) -> Stack:
    spec = DenseSpec(kind="tied", inputs=64, units=6, activation="sigmoid", output="sigmoid")
    options = {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.5}
    item = Layer(**BARS, units=6, kind="rbm", activation="sigmoid", cd_steps=2)
    settings = how(item=item, module=ContrastiveDivergence, **options)
    return fit(Stack([TiedLayer(spec)]), *IMAGES, settings)


def sequence(how: Callable[..., Fit]) -> Stack:
    layer = SequenceLayer(SequenceSpec(inputs=30, units=6, width=8))
    item = Variant(**BARS, kind="sequence", sizes=(6,))
    return fit(Stack([layer]), TOKENS, TOKENS, how(item=item))


def views(how: Callable[..., Fit]) -> Stack:
    specs = chain_specs(108, (12, 4), hidden="gelu", code="linear", output="sigmoid")
    moved = Views(shift=1, flip=True, crop=0.6, colour=0.3, agreement=2.0)
    return fit(checkpoint.build(specs), COLOURED, COLOURED[:25], how(views=moved))


def greedy(how: Callable[..., Fit]) -> Stack:
    folder = OUT / "prepared"
    if process_group.is_first() and not folder.exists():
        folder.mkdir()
        for split, images in zip(("train", "validation"), IMAGES, strict=True):
            np.save(folder / f"{split}_inputs.npy", images)
    process_group.barrier()
    data = PreparedDataset(folder, "idx", (8, 8), ())
    below = checkpoint.build([DenseSpec(inputs=64, units=9, activation="tanh", output="sigmoid")])
    train = how().training.model_dump() | {"seed": 3}
    layer = Layer(data="bars", input="layers/one", units=5, train=train)
    return pretrain("two", layer, below, data, how())


LABELS = {"data": "bars", "input": "layers/x", "labels": [24], "seeds": 1, "smoothing": 0.1}
MOVES = {"shift": 1, "rotate": 20}
ON_ALL = {"confidence": 0.3, "reconstruction": 0.5, "moves": MOVES, "corruption": {"mask": 0.4}}


def classifier(how: Callable[..., Fit], **options: Any) -> Stack:
    folder, here = OUT / "labelled", how().environment
    if process_group.is_first() and not folder.exists():
        folder.mkdir()
        for seed, split in enumerate(("train", "validation")):
            images, labels = bars(len(IMAGES[seed]), seed)
            np.save(folder / f"{split}_inputs.npy", images)
            np.save(folder / f"{split}_labels.npy", labels)
    process_group.barrier()
    train = {"batch_size": 33, "draws": 96, "epochs": 3, "learning_rate": 0.01}
    settings = Classifier.model_validate(LABELS | {"moves": MOVES, "train": train} | options)
    data = PreparedDataset(folder, "idx", (8, 8), ("0", "1", "2", "3"))
    below = checkpoint.build(chain_specs(64, (16, 5), hidden="gelu", code="gelu", output="sigmoid"))
    run = next(iter(settings.runs))
    module, epochs = Sweep("judge", settings, below, data, here).teach(run)
    lines = [f"{row['epoch']},0,{row['train/loss']}" for row in epochs.rows]
    how().curve.write_text("\n".join(["epoch,seconds,train/loss", *lines]))
    return module.result.stack


def supervised(how: Callable[..., Fit]) -> Stack:
    return classifier(how, starts=["pretrained"], dropout=0.2)


def consistent(how: Callable[..., Fit]) -> Stack:
    return classifier(how, starts=["random"], unlabelled=ON_ALL)


CASES: dict[str, Callable[[Callable[..., Fit]], Stack]] = {
    case.__name__: case
    for case in (
        dense,
        muon,
        plain,
        tied,
        conv,
        machine,
        sequence,
        views,
        greedy,
        supervised,
        consistent,
    )
}


class Dies(Callback):
    """Ends process RANK in the midst of epoch EPOCH, by ``AE_TEST_DIES=RANK,EPOCH,SIGNAL``."""

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        rank, epoch, number = map(int, os.environ["AE_TEST_DIES"].split(","))
        if trainer.global_rank == rank and trainer.current_epoch == epoch:
            os.kill(os.getpid(), number)


def let_it_die() -> None:
    trainer = fits.lightning.Trainer

    def dying(callbacks: list[Callback], **options: Any) -> Any:
        return trainer(callbacks=[Dies(), *callbacks], **options)

    fits.lightning.Trainer = dying  # type: ignore[misc,assignment]


def losses(name: str) -> np.ndarray:
    """Losses by epoch, without their seconds."""
    with (OUT / f"{name}.csv").open(newline="") as file:
        return np.array([[float(loss or 0) for loss in row[2:]] for row in [*csv.reader(file)][1:]])


def main(names: list[str]) -> None:
    evaluation.BATCH, evaluation.FEWEST = 12, 2  # so that the last batch has one example
    done: dict[str, Any] = {}
    with together(environment()) as here:
        # One write with its line end: the ranks share a pipe, which may be unbuffered.
        sys.stdout.write(
            f"rank {process_group.rank()} of {process_group.world_size()} "
            f"has {torch.get_num_threads()} threads\n"
        )
        for name in names:
            torch.manual_seed(7)
            done[name] = CASES[name](partial(settings, here, name))
        for name, stack in [*done.items()]:
            evaluator = Evaluator(stack, here)
            data: Any = MEASURED.get(name, IMAGES[1])
            done[f"{name}-codes"] = evaluator.codes(data)
            done[f"{name}-few"] = evaluator.codes(data[:3])
            done[f"{name}-kept"] = evaluator.codes_and_reconstruction(data)[0]
            done[f"{name}-errors"] = np.array([*evaluator.reconstruction(data).values()])
            done[f"{name}-losses"] = losses(name)
            weights = [value.flatten() for value in stack.state_dict().values()]
            done[name] = torch.cat(weights).numpy()
        alone(here)
        np.savez(OUT / "done.npz", **done)


if __name__ == "__main__":
    if "AE_TEST_DIES" in os.environ:
        let_it_die()
    try:
        main(sys.argv[2:] or [*CASES])
    except UserError as error:
        print(f"ae: {error}", file=sys.stderr)
        sys.exit(2)
