"""Start a stage in as many processes as its environment asks for, and end them together.

Processes come from torchrun or SLURM, or are started here by this one's own command line. Lightning
does the same once a training begins: too late to share what comes before it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import torch
from lightning import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from lightning.fabric.utilities.exceptions import MisconfigurationException

from ae_lightning.config.environment import Environment
from ae_lightning.distributed import process_group
from ae_lightning.distributed.peer_watch import AGAIN, GRACE, Watch
from ae_lightning.distributed.placement import settle
from ae_lightning.errors import UserError

PATIENCE = 3.0
"""Seconds within which it shows which of several processes was the cause of an error."""

STARTED_BY = "AE_STARTED_BY"

Others = Sequence["subprocess.Popen[bytes]"]
_watches: list[Watch] = []


@contextmanager
def together(environment: Environment, *, needed: bool = True) -> Iterator[Environment]:
    """Run the block in all processes that ``environment`` asks for; gives where it runs, settled.

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
        with _group(_fabric(settled, strategy=DDPStrategy(timeout=process_group.TIMEOUT))):
            yield settled.model_copy(update={"strategy": strategy})


def alone(environment: Environment) -> Environment:
    """Let every process but the first end here, with exit status 0, once all have come.

    Gives the environment of the first one, which goes on by itself.
    """
    if process_group.world_size() == 1:
        return environment
    process_group.barrier()
    first = process_group.is_first()
    for watch in _watches:
        watch.stop()
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
    handler = signal.signal(signal.SIGTERM, _exit) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, handler)
        os.environ.clear()
        os.environ.update(variables)
        torch.set_num_threads(threads)


def _exit(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def _group(fabric: Fabric) -> Iterator[None]:
    """Run the block in a process group; when one process ends, all do."""
    threads, others = torch.get_num_threads(), _start_others(fabric)
    watch = _watched(others, fabric.world_size)
    try:
        with _explained(watch, fabric.global_rank, fabric.world_size):
            _joined(fabric)
            process_group.enter(fabric.strategy, threads)
            yield
            process_group.barrier()
        watch.stop()
        _wait(others)
    finally:
        for other in others:
            other.kill()
        process_group.leave()
        _watches.remove(watch)


def _joined(fabric: Fabric) -> None:
    try:
        fabric.launch()  # starts nothing: all are there
    except ValueError as error:
        raise UserError(f"AE_DEVICES, AE_NUM_NODES: {_short(error)}") from error


def _start_others(fabric: Fabric) -> Others:
    """This very command once more for each further device of this machine."""
    strategy: Any = fabric.strategy
    cluster = strategy.cluster_environment
    if cluster.creates_processes_externally:
        return []
    known = {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK"} & set(os.environ)
    if strategy.num_nodes > 1 and len(known) < 3:
        raise UserError(
            f"AE_NUM_NODES: {strategy.num_nodes} machines need MASTER_ADDR, MASTER_PORT and "
            f"NODE_RANK on each, found {', '.join(sorted(known)) or 'none of them'}; set them, or "
            "use torchrun or SLURM"
        )
    os.environ |= {
        "MASTER_ADDR": cluster.main_address,
        "MASTER_PORT": str(cluster.main_port),
        "NODE_RANK": str(cluster.node_rank()),
        "LOCAL_RANK": "0",
    }
    command, mine = [sys.executable, *sys.orig_argv[1:]], {STARTED_BY: str(os.getpid())}
    return [
        subprocess.Popen(command, env=os.environ | mine | {"LOCAL_RANK": str(local)})
        for local in range(1, strategy.num_processes)
    ]


def _watched(others: Others, world: int) -> Watch:
    parent = os.environ.get(STARTED_BY)
    watch = Watch(others, int(parent) if parent else None, world)
    _watches.append(watch)
    watch.start()
    return watch


def _wait(others: Others) -> None:
    deadline = time.monotonic() + GRACE
    for other in others:
        with suppress(subprocess.TimeoutExpired):
            other.wait(max(0.0, deadline - time.monotonic()))


@contextmanager
def _explained(watch: Watch, rank: int, world: int) -> Iterator[None]:
    """Report the process that ended instead of a communication error; a common error once."""
    try:
        yield
    except UserError as error:
        if rank == 0:
            raise
        time.sleep(PATIENCE)  # the first one, failing alike, ends this one meanwhile
        raise UserError(f"rank {rank} of {world}: {error}") from error
    except Exception as error:
        if not _is_of_the_group(error):
            raise
        why = watch.why(PATIENCE)
        raise UserError(
            why
            or f"rank {rank} of {world}: must hear from the others, found {_short(error)}; "
            f"see what they say, then {AGAIN}"
        ) from error


def _is_of_the_group(error: Exception) -> bool:
    known = isinstance(error, torch.distributed.DistError)
    return known or any(name in str(error) for name in ("gloo", "NCCL"))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
