"""Parallel map over processes, in bounded memory and without a process left behind."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any

from ae_lightning.errors import UserError

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@contextmanager
def workers(count: int) -> Iterator[Map]:
    """A ``map`` whose calls ``count`` processes share; with 1 it is the builtin.

    Results come in the order of the items, and at most two for each process wait for whoever takes
    them. The function, what goes in and what comes out must be picklable. After an error, and on
    Ctrl-C, the calls that have not begun are dropped.

    Raises:
        UserError: a process died, most likely for want of memory.
    """
    if count == 1:
        yield map
        return
    with ProcessPoolExecutor(count, get_context("spawn"), _end_with_parent) as pool:
        try:
            yield partial(_in_order, pool, 2 * count)
        except BrokenProcessPool as error:
            raise UserError(
                "one of the processes that read files was killed, perhaps for want of memory; "
                "close other programs and run this again"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor,
    ahead: int,
    function: Callable[[Any], Any],
    items: Iterable[Any],
) -> Iterator[Any]:
    waiting: deque[Future[Any]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _end_with_parent() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it, even if it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    assert parent
    parent.join()
    os._exit(1)
