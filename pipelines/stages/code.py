"""Digests of the code for each stage and item, by which DVC tells what is stale."""

from pathlib import Path

from pipelines.code_digest import digests
from pipelines.orchestration import raw_files


def run() -> None:
    """Write code.yaml for the code that runs and params.yaml, then check what DVC hashes next."""
    digests.refresh()
    raw_files.check(Path())
