"""Comparison of the repeated trainings."""

from ae_lightning.artifacts import COMPARISON, PREPARED, REPEATS
from ae_lightning.config.environment import environment
from ae_lightning.config.params import load
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import together
from ae_lightning.evaluation.seeds import compare


def run() -> None:
    """Measure and draw the repeats that params.yaml names."""
    params = load()
    names = params.repeats.variants
    data = {name: PreparedDataset.open(PREPARED / params.variants[name].data) for name in names}
    with together(environment()) as here:
        compare(data, params.repeats.seeds, here, REPEATS, COMPARISON)
