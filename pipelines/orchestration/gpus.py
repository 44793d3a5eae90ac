"""The machine's GPUs, shared by the stages of a flow: each sees its own and no other.

A stage learns of its devices by CUDA_VISIBLE_DEVICES, so it needs to know nothing of the others.
Devices are names as that variable takes them: ``0``, ``GPU-5a6b…`` or ``MIG-1c2d…``.
"""

import os
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ae_lightning.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
_ON_CUDA = ("auto", "gpu", "cuda")  # values of AE_ACCELERATOR
_WITHOUT = frozenset({"prepare", "compare", "report"})  # they read, count and draw
_POLL = 0.2  # seconds between two looks at whether a waiting stage is still wanted
_UUID = re.compile(r"\(UUID: ([^)]+)\)")


class Pool:
    """Devices that are lent to one borrower at a time, first come first served.

    A borrower of many is passed by nobody who came later, so it waits for those before it alone.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self.devices = tuple(devices)
        self._free = list(devices)
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def lend(self, count: int, given_up: Callable[[], bool]) -> Iterator[tuple[str, ...]]:
        """Lend ``count`` devices to the block, as soon as they are free.

        Args:
            count: At most the number of all.
            given_up: Asked a few times a second while waiting; once true, none are lent.
        """
        assert count <= len(self.devices)
        lent = self._take(count, given_up)
        try:
            yield lent
        finally:
            with self._changed:
                self._free += lent
                self._changed.notify_all()

    def _take(self, count: int, given_up: Callable[[], bool]) -> tuple[str, ...]:
        if not count:
            return ()
        me = object()
        with self._changed:
            self._queue.append(me)
            try:
                while self._queue[0] is not me or len(self._free) < count:
                    if given_up():
                        return ()
                    self._changed.wait(_POLL)
                lent, self._free = self._free[:count], self._free[count:]
                return tuple(lent)
            finally:
                self._queue.remove(me)
                self._changed.notify_all()


@dataclass(frozen=True)
class Devices:
    """Numbers of devices that stages get from a pool.

    Attributes:
        pool: The devices.
        each: How many a stage gets.
        wide: Stages (``finetune@deep-30``) and kinds of stages (``finetune``) that get all.
    """

    pool: Pool
    each: int = 1
    wide: frozenset[str] = frozenset()

    def wanted(self, stage: str) -> int:
        """Return how many devices a stage gets."""
        kind = stage.partition("@")[0]
        if kind in _WITHOUT:
            return 0
        return self.each if self.wide.isdisjoint({stage, kind}) else len(self.pool.devices)

    @property
    def workers(self) -> int:
        """How many stages to run side by side, if nobody says: one per GPU or per two cores.

        A training fills two cores by itself: two on two cores take longer than in turn.
        """
        return len(self.pool.devices) or max(1, min((os.cpu_count() or 1) // 2, 4))

    @contextmanager
    def lent_to(self, stage: str, given_up: Callable[[], bool]) -> Iterator[Mapping[str, str]]:
        """Give the variables of a stage's environment that name its devices, once it has them.

        Without any device in the pool there are none: the stage does what it does by itself.

        Args:
            stage: The stage's address.
            given_up: Whether the stage is no longer wanted.
        """
        if not self.pool.devices:
            yield {}
            return
        with self.pool.lend(self.wanted(stage), given_up) as lent:
            count = {"AE_DEVICES": str(len(lent))} if lent else {}
            yield {VISIBLE: ",".join(lent), **count}


NONE = Devices(Pool(()))


def of_this_machine(stages: Collection[str]) -> Devices:
    """Return the GPUs that a flow may use, and how its stages share them.

    They are those of AE_GPUS (``0,1``; empty: hand out none), or of CUDA_VISIBLE_DEVICES, or all
    that ``nvidia-smi`` lists. AE_DEVICES is the number for each stage; AE_WIDE names stages, or
    kinds of stages, that take all (``finetune@image-256,pretrain``).

    Args:
        stages: The addresses of all stages, for slips in AE_WIDE.

    Raises:
        UserError: A variable has a value that it cannot have.
    """
    devices = _usable()
    known = {*stages, *(stage.partition("@")[0] for stage in stages)}
    wide = frozenset(_names(os.environ.get("AE_WIDE", "")))
    if unknown := sorted(wide - known):
        raise UserError(
            f"AE_WIDE: stages, or kinds of stages, of dvc.yaml; found {unknown[0]!r}: "
            "`dvc stage list` names them"
        )
    return Devices(Pool(devices), _each(len(devices)) if devices else 1, wide)


def _usable() -> tuple[str, ...]:
    if os.environ.get("AE_ACCELERATOR", "auto") not in _ON_CUDA:
        return ()
    for variable in ("AE_GPUS", VISIBLE):
        if (text := os.environ.get(variable)) is not None:
            return _listed(variable, text)
    return _installed()


def _listed(variable: str, text: str) -> tuple[str, ...]:
    names = _names(text)
    if len(set(names)) < len(names):
        raise UserError(f"{variable}: each GPU once, found {text!r}: take out the second")
    return tuple(names[: names.index("-1")] if "-1" in names else names)  # as CUDA reads it


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _installed() -> tuple[str, ...]:
    """Ask the driver, by a command that needs neither torch nor a second of imports."""
    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse(answer.stdout) if answer.returncode == 0 else ()


def parse(listing: str) -> tuple[str, ...]:
    """Return the devices of ``nvidia-smi -L``: a GPU that is cut into MIG parts is those parts."""
    devices: list[str] = []
    for gpu in re.split(r"^(?=GPU )", listing, flags=re.MULTILINE):
        found = _UUID.findall(gpu)
        devices += found[1:] or found
    return tuple(devices)


def _each(total: int) -> int:
    text = os.environ.get("AE_DEVICES", "").strip() or "auto"
    counts = {"auto": 1, "-1": total, **{str(count): count for count in range(1, total + 1)}}
    if text not in counts:
        raise UserError(
            f"AE_DEVICES: how many of the {total} GPUs each stage gets (or auto, -1), "
            f"found {text!r}: mend it, or name GPUs in AE_GPUS"
        )
    return counts[text]
