"""``ae encode``: images or texts in, a file of codes or JSON out."""

import json
from pathlib import Path

import numpy as np

from ae_lightning.errors import UserError
from pipelines.cli.batches import over
from pipelines.cli.code_files import WRITERS, Floats, check_ending, write_codes
from pipelines.cli.request import Batch, Request
from pipelines.cli.terminal import show


def encode(asked: Request, output: Path | None, as_json: bool) -> None:
    """Write the codes of all inputs, in their order, or print them.

    Raises:
        UserError: there is nowhere to write to, the variant cannot be used, or an input cannot be
            read; then nothing is written.
    """
    _check(output, as_json)
    model = asked.model()

    def codes(batch: Batch) -> tuple[list[str], Floats]:
        return batch.names, model.encode(batch.examples)

    found = over(asked, model, "codes", codes)
    names = [name for some, _ in found for name in some]
    rows = np.concatenate([part for _, part in found])
    if output:
        write_codes(output, names, rows)
    if as_json:
        pairs = zip(names, rows.tolist(), strict=True)
        show([json.dumps([{"input": name, "code": code} for name, code in pairs])])
    else:
        show([f"{len(rows):,} codes of {rows.shape[1]:,} numbers: {output}"])


def _check(output: Path | None, as_json: bool) -> None:
    if output:
        check_ending(output, WRITERS)
    elif not as_json:
        raise UserError("encode: needs somewhere to write to; give -o codes.parquet, or --json")
