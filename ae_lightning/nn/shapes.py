"""Nets without storage, to compare their shapes with those in files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class ShapesOnly(TorchFunctionMode):
    """A block in which nets have shapes alone: no storage, and no initial weights.

    Initialising on the device ``meta`` would import torch's compiler, which takes seconds.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func.__name__.endswith("_") and not func.__name__.endswith("__"):
            return args[0] if args else named["tensor"]
        with torch.device("meta"):
            return func(*args, **named)


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shapes of a net's weights by their names."""
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
