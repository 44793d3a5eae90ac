"""Digests of the code for each stage and item, by which DVC tells what is stale."""

from pipelines.code_digest import digests


def run() -> None:
    """Write code.yaml for the code that runs and the params.yaml of this folder."""
    digests.refresh()
