"""Baseline of every variant on a dataset: scores of the raw examples."""

from ae_lightning.artifacts import BASELINES, PREPARED
from ae_lightning.config.environment import environment
from ae_lightning.config.params import load, pick
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import together
from ae_lightning.evaluation import evaluate
from ae_lightning.files import rounded, write_json


def run(name: str) -> None:
    """Score the raw examples of dataset ``name``."""
    pick(load().datasets, name, "dataset")
    data = PreparedDataset.open(PREPARED / name)
    with together(environment(), needed=False):
        scores = evaluate.BASELINES[data.kind](data)
        write_json(rounded(scores), BASELINES / name / "metrics.json")
