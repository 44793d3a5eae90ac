"""A variant trained again from another seed, its layers' pretraining included."""

from ae_lightning.config import environment, load, pick
from ae_lightning.data.prepared import Prepared
from ae_lightning.launch import alone, together
from ae_lightning.nn import storage
from ae_lightning.training.repeat import Repeat
from pipelines.paths import PREPARED, REPEATS


def run(name: str, seed: int) -> None:
    """Repeat variant ``name`` of params.yaml from ``seed``."""
    params = load()
    variant = pick(params.variants, name, "variant")
    folder = REPEATS / f"{name}-{seed}"
    data = Prepared.open(PREPARED / variant.data)
    with together(environment()) as here:
        stack = Repeat(name, seed, params, data, here, curve=folder / "curve.csv").run()
        alone(here)
        storage.save(stack, folder / "model", variant.data)
