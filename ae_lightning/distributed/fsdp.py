"""Fully sharded training (FSDP): each process holds a part of every weight and of its optimiser.

Rajbhandari et al. (2020), "ZeRO: Memory optimizations toward training trillion parameter models",
stage 3, as PyTorch's ``fully_shard`` does it. A weight is whole only while it is used.
"""

from __future__ import annotations

import copy
from typing import Any, cast

from torch import Tensor
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from ae_lightning.config.environment import Environment
from ae_lightning.distributed import process_group
from ae_lightning.distributed.strategies import FullyShardedStrategy
from ae_lightning.errors import UserError
from ae_lightning.nn.layers.dense import DenseLayer
from ae_lightning.nn.stack import Stack

BY_PARTS = ("adamw",)
"""Optimisers that need no whole matrix, in a form that PyTorch can run on shards."""


def shard(module: Any) -> None:
    """Split the weights of a ``Reconstruction`` over the processes if its strategy is to shard.

    Of dense layers each matrix is gathered by itself when it is used; everything else is together.

    Raises:
        UserError: if the optimiser or a penalty needs whole matrices.
    """
    if not isinstance(module.trainer.strategy, FullyShardedStrategy):
        return
    _check(module)
    mesh = module.device_mesh["data_parallel"]
    for layer in module.stack.layers:
        if isinstance(layer, DenseLayer):
            fully_shard(layer.encoder, mesh=mesh)
            fully_shard(layer.decoder, mesh=mesh)
    fully_shard(module, mesh=mesh)
    for step in ("training_step", "validation_step"):
        register_fsdp_forward_method(module, step)


def _check(module: Any) -> None:
    optimizer = module.training_config.optimizer
    if optimizer not in BY_PARTS:
        raise UserError(
            f"AE_STRATEGY: fsdp needs train.optimizer {' or '.join(BY_PARTS)}, found {optimizer}, "
            "which takes whole matrices; use AE_STRATEGY=ddp or change it"
        )
    # It is derived twice, and in between a weight is no more whole.
    if "contractive" in module.item.penalties:
        raise UserError(
            "AE_STRATEGY: fsdp takes no contractive penalty, found one; use AE_STRATEGY=ddp"
        )


def number_parameters(module: Any, checkpoint: dict[str, Any]) -> None:
    """Number parameters in an optimiser's saved state as the module lists them, not by groups.

    FSDP resumes by these numbers; other strategies resume by the order, whatever the numbers.
    """
    if isinstance(module.trainer.strategy, FullyShardedStrategy):
        return  # it has them so
    listed = {id(parameter): number for number, parameter in enumerate(module.parameters())}
    for optimizer, saved in zip(
        module.trainer.optimizers, checkpoint["optimizer_states"], strict=True
    ):
        groups = [group["params"] for group in optimizer.param_groups]
        numbers = [listed[id(parameter)] for group in groups for parameter in group]
        saved["state"] = {numbers[old]: state for old, state in saved["state"].items()}
        for group in saved["param_groups"]:
            group["params"] = [numbers[old] for old in group["params"]]


def trained_copy(stack: Stack, environment: Environment) -> Stack:
    """The stack that is trained: itself, or a copy where it will be split and cannot be joined."""
    return copy.deepcopy(stack) if environment.strategy == "fsdp" else stack


def weights(stack: Stack, *, split: bool) -> dict[str, Tensor]:
    """Copies of all weights on the CPU, in the first process; nothing in others."""
    if split:
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        return cast(dict[str, Tensor], get_model_state_dict(stack, options=options))
    if not process_group.is_first():
        return {}
    return {key: value.detach().cpu().clone() for key, value in stack.state_dict().items()}
