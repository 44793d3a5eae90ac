"""Run a stage in as many processes as its environment asks for.

They come from torchrun or SLURM; where neither started this one, it becomes torchrun's launcher and
runs its own command line in all of them. Lightning starts processes only once a training begins:
too late to share what comes before it.
"""

import ctypes
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import torch
from lightning import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from lightning.fabric.utilities.exceptions import MisconfigurationException

from ae_lightning.config.environment import Environment
from ae_lightning.distributed import process_group
from ae_lightning.distributed.placement import settle
from ae_lightning.errors import UserError
from ae_lightning.subprocesses import sigterm_exits

PATIENCE = 3.0
"""Seconds within which a launcher ends this process if another one was the cause of an error."""

GRACE = 10
"""Seconds for a process to end in good order before it is killed."""

AGAIN = "run the same command again: a training goes on from its last whole epoch"
PARENT_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of Linux' ``prctl``."""


@contextmanager
def together(environment: Environment, *, needed: bool = True) -> Iterator[Environment]:
    """Run the block in all processes that ``environment`` asks for; gives where it runs, settled.

    A process that has to start them ends here, with their exit status.

    Args:
        environment: As the person set it.
        needed: Whether there is anything to share. If not, the block runs in one process, and
            others that torchrun or SLURM started end here, with exit status 0.

    Raises:
        UserError: devices that there are not, or a process that went before the end.
    """
    settled = settle(environment)
    fabric = _fabric(settled)
    if not needed and fabric.global_rank:
        raise SystemExit(0)
    with _as_before():
        if not needed or fabric.world_size == 1:
            yield settled if needed and settled.strategy == "auto" else settled.single()
            return
        strategy = "ddp" if settled.strategy == "auto" else settled.strategy
        fabric = _fabric(settled, strategy=DDPStrategy(timeout=process_group.TIMEOUT))
        ddp: Any = fabric.strategy
        if not ddp.cluster_environment.creates_processes_externally:
            _run_in_all(ddp)
        with _group(fabric):
            yield settled.model_copy(update={"strategy": strategy})


def alone(environment: Environment) -> Environment:
    """Let every process but the first end here, with exit status 0, once all have come.

    Gives the environment of the first one, which goes on by itself.
    """
    if process_group.world_size() == 1:
        return environment
    process_group.barrier()
    first = process_group.is_first()
    process_group.leave()
    if not first:
        raise SystemExit(0)
    return environment.single()


def _fabric(environment: Environment, **options: Any) -> Fabric:
    try:
        return Fabric(
            accelerator=environment.accelerator,
            devices=environment.devices,
            num_nodes=environment.num_nodes,
            **options,
        )
    except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
        raise UserError(
            f"AE_ACCELERATOR, AE_DEVICES, AE_NUM_NODES: must be what there is, found "
            f"{environment.accelerator}, {environment.devices} and {environment.num_nodes}; "
            f"change them ({_short(error)})"
        ) from error


@contextmanager
def _as_before() -> Iterator[None]:
    """Let SIGTERM unwind the block; leave variables, threads and handlers as they were."""
    variables, threads = dict(os.environ), torch.get_num_threads()
    main = threading.current_thread() is threading.main_thread()
    try:
        with sigterm_exits() if main else nullcontext():
            yield
    finally:
        os.environ.clear()
        os.environ.update(variables)
        torch.set_num_threads(threads)


def _run_in_all(strategy: Any) -> NoReturn:
    """Run this very command once for each device of this machine, and end as it ends.

    Raises:
        UserError: a process was killed.
    """
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.ERROR)  # torchrun says in twenty lines what is said below in one
    with tempfile.TemporaryDirectory() as logs:
        config = LaunchConfig(
            min_nodes=strategy.num_nodes,
            max_nodes=strategy.num_nodes,
            nproc_per_node=strategy.num_processes,
            max_restarts=0,
            shutdown_timeout=GRACE,
            run_id="ae",
            logs_specs=DefaultLogsSpecs(log_dir=logs),
            **_meeting_point(strategy.num_nodes),
        )
        try:
            elastic_launch(config, sys.executable)(*sys.orig_argv[1:])
        except SignalException as error:
            raise SystemExit(128 + error.sigval) from error
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            if failure.exitcode > 0:  # it has said why
                raise SystemExit(failure.exitcode) from error
            name = signal.Signals(-failure.exitcode).name
            raise UserError(
                f"rank {rank} of {strategy.num_nodes * strategy.num_processes}: must stay until "
                f"the end, but it was ended by {name}"
                f"{' (memory may be short)' if name == 'SIGKILL' else ''}; {AGAIN}"
            ) from error
    raise SystemExit(0)


def _meeting_point(machines: int) -> dict[str, Any]:
    """Where the processes find each other."""
    if machines == 1:
        here = "127.0.0.1"
        return {"rdzv_backend": "c10d", "rdzv_endpoint": f"{here}:0", "local_addr": here}
    names = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
    known = [name for name in names if os.environ.get(name)]
    if len(known) < len(names):
        raise UserError(
            f"AE_NUM_NODES: {machines} machines need MASTER_ADDR, MASTER_PORT and NODE_RANK on "
            f"each, found {', '.join(known) or 'none of them'}; set them, or use torchrun or SLURM"
        )
    address, port, rank = (os.environ[name] for name in names)
    return {
        "rdzv_backend": "static",
        "rdzv_endpoint": f"{address}:{port}",
        "rdzv_configs": {"rank": int(rank)},
    }


@contextmanager
def _group(fabric: Fabric) -> Iterator[None]:
    """Run the block in a process group; when the launcher ends, this process does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    threads, strategy = torch.get_num_threads(), fabric.strategy
    try:
        with _explained(fabric.global_rank, fabric.world_size):
            _joined(fabric)
            process_group.enter(strategy, threads)
            if "OMP_NUM_THREADS" not in os.environ:
                torch.set_num_threads(max(1, threads // process_group.place().locals))
            yield
            process_group.barrier()
    finally:
        process_group.leave()


def _joined(fabric: Fabric) -> None:
    try:
        fabric.launch()  # starts nothing: all are there
    except ValueError as error:
        raise UserError(f"AE_DEVICES, AE_NUM_NODES: {_short(error)}") from error


@contextmanager
def _explained(rank: int, world: int) -> Iterator[None]:
    """Report an error that all ranks share once, from rank 0, and one of a single rank from there.

    Other ranks wait for a while: the launcher ends them as soon as one has failed.
    """
    try:
        yield
    except UserError as error:
        if rank == 0:
            raise
        time.sleep(PATIENCE)
        raise UserError(f"rank {rank} of {world}: {error}") from error
    except Exception as error:
        if not _is_of_the_group(error):
            raise
        time.sleep(PATIENCE)
        raise UserError(
            f"rank {rank} of {world}: must hear from the others, found {_short(error)}; see what "
            f"they say, then {AGAIN}"
        ) from error


def _is_of_the_group(error: Exception) -> bool:
    known = isinstance(error, torch.distributed.DistError)
    return known or any(name in str(error) for name in ("gloo", "NCCL"))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
