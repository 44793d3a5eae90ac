"""What every variant on a dataset is compared with: the raw examples themselves."""

from ae_lightning.config import load, pick
from ae_lightning.data.prepared import Prepared
from ae_lightning.evaluation.scores import pixel_scores
from ae_lightning.files import rounded, write_json
from pipelines.paths import BASELINES, PREPARED


def run(name: str) -> None:
    """Score the raw examples of dataset ``name``."""
    pick(load().datasets, name, "dataset")
    scores = pixel_scores(Prepared.open(PREPARED / name))
    write_json({"pixels": rounded(scores)}, BASELINES / name / "metrics.json")
