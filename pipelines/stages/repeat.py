"""A variant trained again from another seed, its layers' pretraining included."""

from ae_lightning.artifacts import PREPARED, REPEATS
from ae_lightning.config.environment import environment
from ae_lightning.config.params import load, pick
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import alone, together
from ae_lightning.nn import checkpoint
from ae_lightning.training.seeds import Repeat


def run(name: str, seed: int) -> None:
    """Repeat variant ``name`` of params.yaml from ``seed``."""
    params = load()
    variant = pick(params.variants, name, "variant")
    folder = REPEATS / f"{name}-{seed}"
    data = PreparedDataset.open(PREPARED / variant.data)
    with together(environment()) as here:
        stack = Repeat(name, seed, params, data, here, curve=folder / "curve.csv").run()
        alone(here)
        checkpoint.save(stack, folder / "model", variant.data)
