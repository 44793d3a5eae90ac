"""What several benchmarks share: deep-30's net, MNIST's images, the CPU's instructions."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ae_lightning.data.images.arrays import read_idx
from ae_lightning.nn.checkpoint import build
from ae_lightning.nn.precision import ISA_LIMITS, multiplies_bf16
from ae_lightning.nn.stack import Stack, chain_specs

SIZES = (1000, 500, 250, 30)
ROOT = Path(__file__).parents[1]
VALIDATION = 5000
TRAINED = 60_000 - VALIDATION


def new_stack(seed: int = 0) -> Stack:
    """784-1000-500-250-30 and back, random weights."""
    torch.manual_seed(seed)
    return build(chain_specs(784, SIZES, hidden="gelu", code="linear", output="sigmoid"))


def images() -> Tensor:
    """The 60,000 training images, bytes ``(60000, 28, 28)``; the last 5,000 are for validation."""
    return torch.from_numpy(np.array(read_idx(ROOT / "data" / "mnist" / "train-images-idx3-ubyte")))


def capability() -> str:
    """Instructions that matrix products use here, as oneDNN or torch names them."""
    limit = next((os.environ[name] for name in ISA_LIMITS if os.environ.get(name)), None)
    return limit or ("bf16" if multiplies_bf16("cpu") else torch.backends.cpu.get_cpu_capability())
