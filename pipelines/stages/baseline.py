"""What every variant on a dataset is compared with: the raw examples themselves."""

from ae_lightning.config import environment, load, pick
from ae_lightning.data.prepared import Prepared
from ae_lightning.evaluation.evaluate import KINDS
from ae_lightning.files import rounded, write_json
from ae_lightning.launch import together
from pipelines.paths import BASELINES, PREPARED


def run(name: str) -> None:
    """Score the raw examples of dataset ``name``."""
    pick(load().datasets, name, "dataset")
    data = Prepared.open(PREPARED / name)
    with together(environment(), needed=False):
        write_json(rounded(KINDS[data.kind].baseline(data)), BASELINES / name / "metrics.json")
