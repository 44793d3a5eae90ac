"""A variant on documents as its artifacts hold it: net, documents and codes, checked together.

Nothing here needs ``params.yaml`` or training's libraries. Legend: D documents, K code size.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from ae_lightning.config import load, pick
from ae_lightning.data.corpus import Corpus
from ae_lightning.data.prepared import SPLITS, Prepared
from ae_lightning.data.text import FIRST_WORD
from ae_lightning.errors import UserError
from ae_lightning.nn import storage
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.weights import kept_sparse

Codes = NDArray[np.float32] | csr_array


@dataclass(frozen=True)
class Encoded:
    """All documents of a dataset, and the net that made their ``codes`` (D, K).

    ``records`` are theirs in the same order, each with its ``split``.
    """

    stack: Stack
    corpus: Corpus
    codes: Codes
    records: list[dict[str, Any]]


def open_documents(name: str, artifacts: Path) -> Encoded:
    """Load the documents of variant ``name`` and their codes.

    Raises:
        UserError: there is no such variant, it is not on documents, it was not evaluated, or its
            parts do not fit together.
    """
    model = artifacts / "models" / name
    if not (model / "model.json").is_file():
        raise _absent(name, artifacts)
    stack = storage.load(model).eval()
    data = Prepared.open(artifacts / "prepared" / _dataset(model))
    if data.kind != "documents":
        raise _not_documents(model, artifacts)
    corpus = Corpus(data)
    _check_vocabulary(stack, corpus, model)
    records = {split: corpus.records(split) for split in SPLITS}
    codes: Codes
    if stack.layers:
        sizes = [len(records[split]) for split in SPLITS]
        codes = saved_codes(artifacts / "evaluation" / name / "codes.npz", sizes, stack.units)
    else:
        codes = weighted_words(stack, data)
    rows = [record | {"split": split} for split in SPLITS for record in records[split]]
    return Encoded(stack, corpus, codes, rows)


def saved_codes(path: Path, sizes: Sequence[int], units: int) -> NDArray[np.float32]:
    """Codes ``(D, units)`` of all documents as evaluation wrote them, ``sizes`` of each split.

    Raises:
        UserError: there are none, they cannot be read, or they are of other documents.
    """
    remedy = f"run: dvc repro evaluate@{path.parent.name}"
    try:
        with np.load(path) as file:
            codes = [file[split] for split in SPLITS]
    except FileNotFoundError as error:
        raise UserError(f"{path}: this variant was not evaluated yet; {remedy}") from error
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}); {remedy}") from error
    for split, size, rows in zip(SPLITS, sizes, codes, strict=True):
        if rows.shape != (size, units):
            raise UserError(
                f"{path}: must have codes {(size, units)} of the {split} documents, "
                f"found {rows.shape}, which are stale; {remedy}"
            )
    return np.concatenate(codes).astype(np.float32, copy=False)


def weighted_words(stack: Stack, data: Prepared) -> csr_array:
    """Codes ``(D, terms)`` of a stack without layers, kept as sparse as the words are."""
    splits = [kept_sparse(stack.encode, data.counts(split)) for split in SPLITS]
    return csr_array(vstack(splits, format="csr"))


def _dataset(model: Path) -> str:
    return str(json.loads((model / "model.json").read_text(encoding="utf-8"))["data"])


def _check_vocabulary(stack: Stack, corpus: Corpus, model: Path) -> None:
    words = FIRST_WORD + len(corpus.vocabulary["words"])
    there = words if stack.takes_sequences else corpus.data.features
    takes = stack.layers[0].spec.inputs if stack.layers else stack.units
    if takes != there:
        raise UserError(
            f"{model}: must take the {there:,} terms of {corpus.data.folder}, found {takes:,}, "
            f"so it is stale; run: dvc repro evaluate@{model.name}"
        )


def _absent(name: str, artifacts: Path) -> UserError:
    """Why there is no model: not in params.yaml, or else not trained; params.yaml may be absent."""
    params, models = artifacts.parent / "params.yaml", artifacts / "models"
    if params.exists():
        pick(load(params).variants, name, "variant")
        return UserError(f"{models / name}: not trained yet; run: dvc repro evaluate@{name}")
    there = [path.parent.name for path in sorted(models.glob("*/model.json"))]
    near = get_close_matches(name, there) or there
    return UserError(f"{models}: unknown variant {name!r}; there is {', '.join(near) or 'none'}")


def _not_documents(model: Path, artifacts: Path) -> UserError:
    there = []
    for path in sorted((artifacts / "models").glob("*/model.json")):
        with suppress(OSError, ValueError, KeyError):  # what is broken is not offered
            if Prepared.open(artifacts / "prepared" / _dataset(path.parent)).kind == "documents":
                there.append(path.parent.name)
    return UserError(
        f"{model}: only variants on documents can be searched, found images ({_dataset(model)}); "
        f"there is {', '.join(there) or 'none yet'}"
    )
