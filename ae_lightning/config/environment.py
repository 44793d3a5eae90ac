"""Runtime settings from ``AE_*`` variables: devices, memory and speed, not what is computed."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ae_lightning.errors import UserError


class Environment(BaseSettings):
    """Runtime settings from ``AE_*`` variables; no part of any result's identity.

    ``precision`` auto means bf16-mixed where the hardware multiplies bf16, otherwise 32-true.
    Arrays beyond ``memory_limit_mb`` stay on disk, memory-mapped. ``devices`` is a number of them,
    their indices (``0,2``) or auto: all GPUs, one process on a CPU. Several devices train with
    ``strategy`` ddp, a copy of the net on each, unless it is fsdp: a part of the net on each.

    For nets that do not fit: gradients accumulate over ``accumulate`` parts of each batch, and with
    ``checkpointing`` activations within a layer are recomputed in the backward pass.

    ``code`` is the digest of the code, set by ``ae`` itself: a killed training does not go on under
    other code.
    """

    model_config = SettingsConfigDict(env_prefix="AE_", frozen=True, extra="ignore")

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"] = "auto"
    devices: str = "auto"
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    num_nodes: PositiveInt = 1
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed", "bf16-true"] = "auto"
    workers: NonNegativeInt = 0
    memory_limit_mb: PositiveInt = 4096
    accumulate: PositiveInt = 1
    checkpointing: bool = False
    code: str = ""

    def single(self) -> Environment:
        """The same in one process, on the first of the devices."""
        first, comma, _ = self.devices.partition(",")
        devices = f"{first}," if comma else "1"
        return self.model_copy(update={"devices": devices, "num_nodes": 1, "strategy": "auto"})


def environment() -> Environment:
    """The machine's settings; UserError names the variable that is wrong."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors()[0]
        name = "AE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise UserError(
            f"{name}: {first['msg']}, found {first['input']!r}; correct or unset it"
        ) from error
