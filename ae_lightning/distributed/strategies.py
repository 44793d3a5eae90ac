"""Lightning strategies by the names that AE_STRATEGY has for them."""

from collections.abc import Callable
from typing import Any

from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from torch import Tensor

from ae_lightning.distributed import process_group


class ExactMeans(Strategy):
    """Averages counts over processes as fractions.

    Lightning weighs what a module logs by examples and averages their number in whole numbers, so
    that odd totals come out too small and all means too large (its issue 21859).
    """

    def reduce(self, tensor: Any, *args: Any, **kwargs: Any) -> Any:
        """Reduce as the strategy does, but never in whole numbers."""
        if isinstance(tensor, Tensor) and not tensor.is_floating_point():
            tensor = tensor.float()
        return super().reduce(tensor, *args, **kwargs)  # type: ignore[safe-super]


class ReplicatedStrategy(ExactMeans, DDPStrategy):
    """A copy of the net in each process (DDP); gradients are averaged where they lie."""

    def __init__(self) -> None:
        super().__init__(
            timeout=process_group.TIMEOUT, gradient_as_bucket_view=True, forward_sync_buffers=False
        )


class FullyShardedStrategy(ExactMeans, ModelParallelStrategy):
    """A part of every weight in each process (FSDP).

    What it saves is whole and in one file, as other strategies' is.
    """

    def __init__(self) -> None:
        super().__init__(
            data_parallel_size=process_group.world_size(),
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,
            timeout=process_group.TIMEOUT,
        )


STRATEGIES: dict[str, Callable[[], Strategy | str]] = {
    "auto": lambda: "auto",
    "ddp": ReplicatedStrategy,
    "fsdp": FullyShardedStrategy,
}
