"""Trainer defaults and numeric precision."""

import logging
import warnings
from typing import Any

from ae_lightning.config.environment import Environment
from ae_lightning.distributed.strategies import STRATEGIES
from ae_lightning.nn.precision import multiplies_bf16

for _name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(_name).setLevel(logging.WARNING)
# Said by Lightning about itself, or about loaders that are a tensor in memory.
NOISE = (
    ".*LeafSpec.*",
    ".*smaller than the logging interval.*",
    ".*does not have many workers.*",
    ".*litlogger.*",
    ".*all_gather is deprecated.*",
    ".*recommended to use `self.log.*sync_dist.*",  # of a trainer of one process among others
    ".*Grad strides do not match.*",  # of kernels with one channel, whose strides say nothing
)
for _noise in NOISE:
    warnings.filterwarnings("ignore", _noise)


def trainer_settings(environment: Environment) -> dict[str, Any]:
    """Arguments of every ``Trainer``: devices, strategy, precision, no progress output."""
    return {
        "accelerator": environment.accelerator,
        "devices": environment.devices,
        "strategy": STRATEGIES[environment.strategy](),
        "num_nodes": environment.num_nodes,
        "precision": precision(environment),
        "use_distributed_sampler": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    }


def precision(environment: Environment) -> str:
    """Lightning's name of the precision to train in; ``auto`` is bf16-mixed where it is fast."""
    if environment.precision != "auto":
        return environment.precision
    return "bf16-mixed" if multiplies_bf16(environment.accelerator) else "32-true"
