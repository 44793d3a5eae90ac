"""Raw data to prepared arrays."""

from ae_lightning.artifacts import PREPARED
from ae_lightning.config.params import load, pick
from ae_lightning.data.prepare import prepare


def run(name: str) -> None:
    """Prepare the dataset ``name`` of params.yaml."""
    dataset = pick(load().datasets, name, "dataset")
    prepare(name, dataset, PREPARED / name)
