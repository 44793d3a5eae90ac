"""``ae classify``: class of each image, and its probability."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Column

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.files import inert, replaced_file
from ae_lightning.inference.classifier_model import ClassifierModel, open_classifier
from pipelines.cli.batches import over
from pipelines.cli.code_files import check_ending
from pipelines.cli.request import Batch, Request
from pipelines.cli.terminal import plain, right, show, table_lines

TABLES = {
    ".csv": lambda frame, path: _inert(frame).to_csv(path, index=False, float_format="%.6f"),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


def classify(asked: Request, run: str | None, output: Path | None, *, as_json: bool) -> None:
    """Print the classes of all inputs, in their order, or write a table of all probabilities.

    Raises:
        UserError: the classifier cannot be used, or an input cannot be read; then nothing is
            written.
    """
    if output:
        check_ending(output, TABLES)
    model = open_classifier(asked.variant, ARTIFACTS, run, verify=asked.verify)

    def judged(batch: Batch) -> pd.DataFrame:
        return _table(model, batch)

    table = pd.concat(over(asked, model, "classes", judged), ignore_index=True)
    if output:
        with replaced_file(output) as partial:
            TABLES[output.suffix.lower()](table, partial)
    if as_json:
        print(json.dumps(table.to_dict("records")))
    elif output:
        show([f"{len(table):,} images: {output}"])
    else:
        show(_lines(table))


def _table(model: ClassifierModel, batch: Batch) -> pd.DataFrame:
    shares = model.predict_proba(batch.examples)
    best = shares.argmax(1)
    columns: dict[str, Any] = {"input": batch.names, "class": model.classes_[best]}
    columns["probability"] = shares[np.arange(len(best)), best]
    return pd.DataFrame(columns | dict(zip(model.classes_, shares.T, strict=True)))


def _inert(frame: pd.DataFrame) -> pd.DataFrame:
    names = {column: frame[column].map(inert) for column in ("input", "class")}
    return frame.assign(**names).rename(columns=inert)


def _lines(table: pd.DataFrame) -> list[str]:
    columns = [right("probability"), Column("class"), Column("input")]
    rows = zip(table["probability"], table["class"], table["input"], strict=True)
    return table_lines(columns, [(f"{share:.4f}", name, plain(file)) for share, name, file in rows])
