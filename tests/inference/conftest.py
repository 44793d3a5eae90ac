"""Variants of every kind on tiny data, as training leaves them, in the current folder."""

import json

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfTransformer

from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.tokenize import FIRST_WORD
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.conv import ConvSpec
from ae_lightning.nn.layers.sequence import SequenceLayer, SequenceSpec
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.nn.term_weighting import Weighting
from ae_lightning.training.closed_form import lsa_stack, pca_stack

PARAMS = """
datasets:
  tiny: {kind: idx, path: data/tiny}
  notes: {kind: documents, path: notes.jsonl}
variants:
  pca-5: {data: tiny, input: prepared/tiny, kind: pca, sizes: [5]}
  pca-2: {data: tiny, input: prepared/tiny, kind: pca, sizes: [2]}
  pca-9: {data: tiny, input: prepared/tiny, kind: pca, sizes: [9]}
  tfidf: {data: notes, input: prepared/notes, kind: vectors, weights: tfidf}
"""


def convolutional(unpooling, code="linear"):
    """A convolutional layer for images of 8 by 8, and a code of 6 on top."""
    torch.manual_seed(0)
    conv = ConvSpec.of(
        (1, 8, 8), 3, kernel=5, pool=2, unpooling=unpooling, activation="gelu", output="sigmoid"
    )
    dense = chain_specs(conv.units, [6], hidden="gelu", code=code, output="gelu")
    return checkpoint.build([conv, *dense]).eval()


def weighting(notes):
    idf = TfidfTransformer().fit(notes.counts("train")[:]).idf_
    return Weighting("tfidf", torch.from_numpy(idf).float())


def text_stack(notes):
    """An untrained net on documents that answers with a distribution over the terms."""
    torch.manual_seed(0)
    terms = notes.features
    specs = chain_specs(terms, [7, 4], hidden="gelu", code="linear", output="softmax", kind="tied")
    return Stack(checkpoint.build(specs).layers, weighting(notes))


def sequence_stack(notes):
    torch.manual_seed(0)
    words = FIRST_WORD + len(Corpus(notes).vocabulary["words"])
    layer = SequenceLayer(SequenceSpec(inputs=words, units=5, width=8))
    for parameter in layer.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return Stack([layer])


STACKS = {}
"""The variants' nets: every test has the same data."""


def stacks(tiny, notes):
    return {
        ("pca-5", "tiny"): pca_stack(tiny, 5),
        ("pca-2", "tiny"): pca_stack(tiny, 2),
        ("switches", "tiny"): convolutional("switches"),
        ("repeat", "tiny"): convolutional("repeat"),
        ("bits", "tiny"): convolutional("repeat", code="binary"),
        ("tfidf", "notes"): Stack([], weighting(notes)),
        ("lsa", "notes"): lsa_stack(notes, weighting(notes), 3),
        ("text", "notes"): text_stack(notes),
        ("sequence", "notes"): sequence_stack(notes),
    }


@pytest.fixture
def artifacts(tiny, notes, tmp_path, monkeypatch):
    """The folder; variants are ``pca-5``, ``pca-2``, ``switches``, ``repeat``, ``bits``, ``tfidf``,
    ``lsa``, ``text`` and ``sequence``."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "artifacts"
    (tmp_path / "params.yaml").write_text(PARAMS)
    STACKS.update(STACKS or stacks(tiny, notes))
    for (name, data), stack in STACKS.items():
        checkpoint.save(stack, folder / "models" / name, data)
    return folder


@pytest.fixture
def texts(notes, tmp_path):
    """The training documents' texts, title and body together, in the order of their rows."""
    lines = (tmp_path / "notes.jsonl").read_text().splitlines()
    all_notes = {str(row["id"]): f"{row['title']}\n{row['body']}" for row in map(json.loads, lines)}
    return [all_notes[record["id"]] for record in Corpus(notes).records("train")]


@pytest.fixture
def images(tiny):
    return np.array(tiny.inputs("test"))


def write_prepared(folder, shape):
    """Prepared noise of ``shape`` without labels."""
    random = np.random.default_rng(5)
    folder.mkdir(parents=True)
    for split, examples in {"train": 20, "validation": 5, "test": 5}.items():
        np.save(folder / f"{split}_inputs.npy", random.integers(0, 256, (examples, *shape), "u1"))
    meta = {"kind": "npy", "shape": shape, "classes": []}
    (folder / "meta.json").write_text(json.dumps(meta))
    return PreparedDataset.open(folder)
