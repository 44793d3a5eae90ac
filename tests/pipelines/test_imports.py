"""Imports without the garbage collector."""

import gc

import pytest

from pipelines.imports import uncollected


def collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def test_nothing_is_collected_within() -> None:
    before = collections()
    with uncollected():
        kept = [[] for _ in range(100_000)]  # type: ignore[var-annotated]
    gc.unfreeze()
    assert len(kept) == 100_000
    assert collections() == before


def test_collections_go_on_afterwards() -> None:
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    gc.unfreeze()
    assert gc.isenabled()
