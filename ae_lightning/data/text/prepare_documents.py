"""Preparation of raw documents as bags of words, token sequences and labels on disk."""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import save_npz

from ae_lightning.artifacts import PREPARED
from ae_lightning.config.datasets import Documents
from ae_lightning.data.text import tokenize
from ae_lightning.data.text.bag_of_words import bags
from ae_lightning.data.text.readers import Remark
from ae_lightning.data.text.sequences import sequences
from ae_lightning.data.text.vocabulary import (
    NO_COLUMN,
    RawDocuments,
    Rows,
    collect,
    lookup,
    most_frequent,
    train_and_test,
)
from ae_lightning.errors import UserError
from ae_lightning.files import csv_table

SPLITS = ("train", "validation", "test")
PROBLEMS = "problems.csv"
BLOCK = 1024  # documents whose labels are dense in memory at a time


@dataclass(frozen=True)
class SplitPlan:
    """Documents ``kept`` and those too ``short``, by split, rows ascending.

    ``terms`` (documents,) says how many tokens of the vocabulary each document has.
    """

    kept: dict[str, Rows]
    short: dict[str, Rows]
    terms: NDArray[np.int64]


def write_documents(name: str, dataset: Documents, folder: Path) -> None:
    """Write the prepared files of ``dataset`` into ``folder`` and print what was left out.

    Raises:
        UserError: no document can be read, no term is left, or nothing would remain to train on or
            to test.
    """
    where = f"params.yaml: datasets.{name}"
    raw, problems = _collected(dataset, folder)
    train, test = train_and_test(dataset, raw.days, where)
    frequent = _frequent(raw, train, dataset, where)
    terms, words = sorted(frequent[: dataset.vocabulary]), frequent[: dataset.words]
    counts = bags(raw.tokens, lookup(raw.words, terms, 0, NO_COLUMN), len(terms))
    plan = _plan(train, test, np.asarray(counts.sum(axis=1)), dataset, where)
    splits = {split: rows[: dataset.limit] for split, rows in plan.kept.items()}
    for split, rows in splits.items():
        save_npz(folder / f"{split}_inputs.npz", counts[rows], compressed=False)
    _write_sequences(folder, raw, splits, words)
    _write_records(folder, raw, splits, plan)
    classes, unknown = _classes(raw, plan.kept)
    _check_queries(dataset, classes, where)
    _write_labels(folder, raw, splits, classes)
    vocabulary = {"stop_words": dataset.stop_words, "terms": terms, "words": words}
    _write_json(folder / "vocabulary.json", vocabulary)
    meta = {
        "kind": dataset.kind,
        "shape": [len(terms)],
        "classes": classes,
        "documents": {split: len(rows) for split, rows in splits.items()},
        "skipped": {split: len(rows) for split, rows in plan.short.items()},
        "queries": dataset.queries,
        "unknown_labels": unknown,
    }
    if problems[True]:
        meta["unreadable"] = problems[True]
    _write_json(folder / "meta.json", meta)
    print(_summary(name, dataset, meta, len(raw.days)))
    if problems:
        print(
            f"{name}: {problems[True]:,} unreadable and left out, {problems[False]:,} in a guessed "
            f"encoding; listed in {PREPARED / name / PROBLEMS}"
        )


def _collected(dataset: Documents, folder: Path) -> tuple[RawDocuments, Counter[bool]]:
    """All documents, and how many were left out (True) and read by a guess (False), as listed."""
    problems = Counter[bool]()
    with csv_table(folder / PROBLEMS, ("place", "left_out", "problem")) as add:

        def remark(found: Remark) -> None:
            problems[found.left_out] += 1
            add((found.place, "yes" if found.left_out else "no", found.reason))

        raw = collect(dataset, folder / "records.partial", remark)
    if not problems:
        (folder / PROBLEMS).unlink()
    return raw, problems


def _frequent(raw: RawDocuments, train: Rows, dataset: Documents, where: str) -> list[str]:
    """The training documents' most frequent words, as many as are needed for either use."""
    totals = np.bincount(raw.tokens.select(train).values, minlength=len(raw.words))
    size = max(dataset.vocabulary, dataset.words)
    if words := most_frequent(raw.words, totals, size):
        return words
    raise UserError(
        f"{dataset.path}: must have words of two or more letters besides stop words, found none in "
        f"{len(train)} training documents; look at columns.text and stop_words in {where}"
    )


def _plan(
    train: Rows, test: Rows, terms: NDArray[np.int64], dataset: Documents, where: str
) -> SplitPlan:
    """Leave the short ones out, then set the last training documents aside for validation."""
    enough = terms >= dataset.least
    short = {
        "train": np.sort(train[~enough[train]]),
        "validation": np.zeros(0, dtype=np.int64),  # chosen from documents that are long enough
        "test": test[~enough[test]],
    }
    train, test, held = train[enough[train]], test[enough[test]], dataset.validation
    if not len(train) or not len(test):
        raise UserError(
            f"{where}.least: must leave documents to train on and to test, found {len(train)} and "
            f"{len(test)} with at least {dataset.least} tokens of the vocabulary; make it smaller "
            "or add documents"
        )
    if held >= len(train):
        raise UserError(
            f"{where}.validation: must leave documents to train on, "
            f"found {held} of {len(train)}; make it smaller"
        )
    kept = {"train": np.sort(train[:-held]), "validation": np.sort(train[-held:]), "test": test}
    return SplitPlan(kept, short, terms)


def _write_sequences(
    folder: Path, raw: RawDocuments, splits: Mapping[str, Rows], words: list[str]
) -> None:
    ids = lookup(raw.words, words, tokenize.FIRST_WORD, tokenize.UNKNOWN)
    for split, rows in splits.items():
        tokens = sequences(raw.tokens.select(rows), ids)
        np.save(folder / f"{split}_tokens.npy", tokens.values)
        np.save(folder / f"{split}_offsets.npy", tokens.offsets)


def _write_records(
    folder: Path, raw: RawDocuments, splits: Mapping[str, Rows], plan: SplitPlan
) -> None:
    """Move each document's line to its split's file or, if it is too short, into skipped.csv."""
    targets = np.full(len(plan.terms), -1, dtype=np.int8)  # beyond the limit
    for number, split in enumerate(SPLITS):
        targets[splits[split]] = number
        targets[plan.short[split]] = number + len(SPLITS)
    with ExitStack() as stack:
        paths = [folder / f"{split}_documents.jsonl" for split in SPLITS]
        files = [stack.enter_context(path.open("wb")) for path in paths]
        skip = stack.enter_context(csv_table(folder / "skipped.csv", ("split", "id", "terms")))
        lines = stack.enter_context(raw.records.open("rb"))
        for line, target, terms in zip(lines, targets, plan.terms, strict=True):
            if target >= len(SPLITS):
                skip((SPLITS[target - len(SPLITS)], json.loads(line)["id"], terms))
            elif target >= 0:
                files[target].write(line)
    raw.records.unlink()


def _classes(raw: RawDocuments, kept: Mapping[str, Rows]) -> tuple[list[str], int]:
    """Labels of the training documents, sorted, and how many others the test documents have."""
    found = {split: set(np.unique(raw.labels.select(rows).values)) for split, rows in kept.items()}
    names, trained = list(raw.names), found["train"] | found["validation"]
    return sorted(names[number] for number in trained), len(found["test"] - trained)


def _check_queries(dataset: Documents, classes: list[str], where: str) -> None:
    for query, labels in dataset.queries.items():
        for label in labels:
            if label not in classes:
                near = get_close_matches(label, classes) or classes[:3] or ["none"]
                raise UserError(
                    f"{where}.queries.{query}: must be answered by labels of training documents, "
                    f"found {label!r}; there is {', '.join(near)}"
                )


def _write_labels(
    folder: Path, raw: RawDocuments, splits: Mapping[str, Rows], classes: list[str]
) -> None:
    """Write ``{split}_labels.npy`` (documents, classes) bool by blocks; none without classes."""
    table = lookup(raw.names, classes, 0, NO_COLUMN)
    for split, rows in splits.items() if classes else ():
        marks = bags(raw.labels.select(rows), table, len(classes))
        with (folder / f"{split}_labels.npy").open("wb") as file:
            header = {"descr": "|b1", "fortran_order": False, "shape": marks.shape}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, len(rows), BLOCK):
                file.write(marks[start : start + BLOCK].astype(bool).toarray().data)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    lines = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(lines + "\n", encoding="utf-8")


def _summary(name: str, dataset: Documents, meta: dict[str, Any], read: int) -> str:
    kept = ", ".join(f"{count:,} {split}" for split, count in meta["documents"].items())
    limit = f" (limit {dataset.limit:,})" if dataset.limit else ""
    short = ", ".join(f"{meta['skipped'][split]:,} {split}" for split in ("train", "test"))
    return (
        f"{name}: {read:,} documents read: {kept}{limit}; left out with fewer than "
        f"{dataset.least} of {meta['shape'][0]:,} terms: {short} (skipped.csv)"
    )
