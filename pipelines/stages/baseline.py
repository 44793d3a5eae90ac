"""What every variant on a dataset is compared with: raw examples, PCA or LSA of its code's size."""

from ae_lightning.artifacts import BASELINES, PREPARED
from ae_lightning.config.environment import environment
from ae_lightning.config.params import code_shapes, load, pick
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import together
from ae_lightning.evaluation.baselines import write_baselines


def run(name: str) -> None:
    """Score the baselines of the variants on dataset ``name``."""
    params = load()
    pick(params.datasets, name, "dataset")
    data = PreparedDataset.open(PREPARED / name)
    with together(environment(), needed=False) as here:
        write_baselines(data, code_shapes(params, name), here, BASELINES / name)
