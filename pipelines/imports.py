"""Import of what a command needs without the garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Import in the block without looking for garbage; later collections skip what it made.

    A stage or a flow imports some thousand modules, whose objects stay: looking for garbage among
    them again and again takes a fifth of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
