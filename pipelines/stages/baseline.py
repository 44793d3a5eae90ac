"""Baseline of every variant on a dataset: scores of the raw examples."""

from ae_lightning.artifacts import BASELINES, PREPARED
from ae_lightning.config.environment import environment
from ae_lightning.config.params import load, pick
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import together
from ae_lightning.evaluation.evaluate import KINDS
from ae_lightning.files import rounded, write_json


def run(name: str) -> None:
    """Score the raw examples of dataset ``name``."""
    pick(load().datasets, name, "dataset")
    data = PreparedDataset.open(PREPARED / name)
    with together(environment(), needed=False):
        write_json(rounded(KINDS[data.kind].baseline(data)), BASELINES / name / "metrics.json")
