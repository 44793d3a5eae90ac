"""Placement of this process by torchrun or SLURM."""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ae_lightning.config.environment import Environment
from ae_lightning.errors import UserError

INTERACTIVE = ("bash", "interactive")
"""Names of SLURM jobs in which a person types: processes are not SLURM's there."""


class Placement(NamedTuple):
    """Processes on each machine, and machines."""

    processes: int
    machines: int


def torchrun(variables: Mapping[str, str]) -> Placement | None:
    """Placement by torchrun, if it started this process."""
    if "TORCHELASTIC_RUN_ID" not in variables:
        return None
    processes = whole_number("LOCAL_WORLD_SIZE", variables, 1)
    return Placement(processes, whole_number("WORLD_SIZE", variables, processes) // processes)


def slurm(variables: Mapping[str, str]) -> Placement | None:
    """Placement by SLURM, if srun started this process, from the variables that Lightning reads.

    Raises:
        UserError: SLURM gave several tasks, and the others were never started.
    """
    if not variables.get("SLURM_NTASKS") or variables.get("SLURM_JOB_NAME") in INTERACTIVE:
        return None
    machines = whole_number("SLURM_NNODES", variables, 1)
    tasks = whole_number("SLURM_NTASKS", variables, 1)
    if tasks > 1 and not variables.get("SLURM_STEP_ID"):
        raise UserError(
            f"SLURM_NTASKS: {tasks} tasks must be started by srun, found no SLURM_STEP_ID, so this "
            "process would wait for the others; put srun before `ae`, or ask for --ntasks=1"
        )
    each = whole_number("SLURM_NTASKS_PER_NODE", variables, max(1, tasks // machines))
    return Placement(each, machines)


LAUNCHERS: dict[str, Callable[[Mapping[str, str]], Placement | None]] = {
    "torchrun": torchrun,
    "SLURM": slurm,
}
"""In the order in which Lightning looks for them."""


def settle(environment: Environment, variables: Mapping[str, str] = os.environ) -> Environment:
    """The environment with the devices and machines that a launcher chose, if one did.

    Raises:
        UserError: if AE_DEVICES or AE_NUM_NODES say something else.
    """
    for name, placed in LAUNCHERS.items():
        if (there := placed(variables)) is None:
            continue
        devices, nodes = environment.devices, environment.num_nodes
        named = "num_nodes" in environment.model_fields_set
        if (devices != "auto" and _number(devices) != there.processes) or (
            named and nodes != there.machines
        ):
            raise UserError(
                f"AE_DEVICES, AE_NUM_NODES: must be what {name} started ({there.processes} "
                f"processes on each of {there.machines} machines), found {devices} and {nodes}; "
                "unset both"
            )
        chosen = str(there.processes) if devices == "auto" else devices
        return environment.model_copy(update={"devices": chosen, "num_nodes": there.machines})
    return environment


def whole_number(name: str, variables: Mapping[str, str], default: int) -> int:
    """A launcher's variable; ``default`` where it is absent or empty.

    Raises:
        UserError: it is no whole number.
    """
    text = variables.get(name, "").strip() or str(default)
    if not text.isdecimal() or (not (number := int(text)) and default):
        raise UserError(
            f"{name}: must be a whole number, as torchrun and SLURM set it, found {text!r}; unset "
            "it, or start this by torchrun or srun"
        )
    return number


def _number(devices: str) -> int | None:
    """How many devices AE_DEVICES asks for, where it says so."""
    if "," in devices:
        return len([name for name in devices.split(",") if name.strip()])
    return int(devices) if devices.isdecimal() else None
