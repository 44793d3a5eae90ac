"""Models of documents against scikit-learn and torch, sequences by their words."""

import math
import re

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch.nn import functional as F

from ae_lightning import load
from ae_lightning.config.environment import Environment
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.tokenize import tokenize
from ae_lightning.errors import UserError
from ae_lightning.evaluation.evaluator import Evaluator
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.sequence import token_cross_entropy


def test_weighted_words_are_scikit_learns(artifacts, texts):
    model = load("tfidf")
    reference = TfidfVectorizer(
        vocabulary=model.terms,
        tokenizer=lambda text: tokenize(text, "english"),
        token_pattern=None,
        sublinear_tf=True,
    ).fit(texts)
    new = ["Crude oil, oil and more OIL from opec", "a wheat harvest", texts[7]]
    expected = reference.transform(new).toarray() * math.sqrt(len(model.terms))
    np.testing.assert_allclose(model.encode(new), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["lsa", "text", "sequence"])
def test_a_text_has_the_code_of_its_prepared_document(name, artifacts, texts, notes):
    stack = checkpoint.load(artifacts / "models" / name).eval()
    inputs = Corpus(notes).inputs("train", sequences=stack.takes_sequences)
    with torch.inference_mode():
        expected = stack.encode(torch.from_numpy(inputs[:])).numpy()
    np.testing.assert_allclose(load(name).encode(texts), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "error"), [("lsa", "sse"), ("text", "cross_entropy")])
def test_the_score_is_that_of_metrics_json(name, error, artifacts, texts, notes):
    stack = checkpoint.load(artifacts / "models" / name).eval()
    evaluated = Evaluator(stack, Environment(accelerator="cpu")).reconstruction(
        notes.counts("train")
    )
    assert load(name).score(texts) == pytest.approx(-evaluated[error], rel=1e-5)


def test_the_score_of_sequences_is_by_the_word(artifacts, texts, notes):
    stack = checkpoint.load(artifacts / "models" / "sequence").eval()
    tokens = torch.from_numpy(Corpus(notes).sequences("train")[:])
    with torch.inference_mode():
        expected = token_cross_entropy(stack.trace(tokens).logits, tokens)
    assert load("sequence").score(texts) == pytest.approx(-float(expected), rel=1e-5)


def test_reconstructions_are_shares_of_the_terms(artifacts, texts):
    model = load("text")
    back = model.reconstruct(texts)
    np.testing.assert_allclose(back.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(model.decode(model.encode(texts)), back, atol=1e-6)
    [words] = model.likeliest(back[:1], 3)
    places = [model.terms.index(word) for word, _ in words]
    assert [share for _, share in words] == sorted(back[0])[::-1][:3]
    np.testing.assert_array_equal(back[0][places], [share for _, share in words])


def test_sequences_are_written_word_by_word(artifacts, texts):
    model = load("sequence")
    codes = model.encode(texts[:5])
    written = model.decode(codes, limit=8)
    assert model.reconstruct(texts[:5], limit=8) == written
    layer, words = model.stack.layers[0], ["<pad>", "?", "<end>", *model.terms]
    for code, text in zip(torch.from_numpy(codes), written, strict=True):
        tokens = []
        while len(tokens) < 8:  # one word at a time, each from all before it
            before = torch.tensor([tokens], dtype=torch.long)
            logits = layer.decode_logits(code[None], before)[0, -1]
            tokens.append(int(F.softmax(logits, 0)[1:].argmax()) + 1)
            if tokens[-1] == 2:
                break
        assert text.split() == [words[token] for token in tokens if token != 2]


def test_order_counts_in_sequences_alone(artifacts):
    one, other = ["crude oil wheat"], ["wheat oil crude"]
    np.testing.assert_array_equal(load("text").encode(one), load("text").encode(other))
    assert np.abs(load("sequence").encode(one) - load("sequence").encode(other)).max() > 1e-3


@pytest.mark.parametrize("name", ["text", "sequence"])
@pytest.mark.parametrize(
    ("texts", "line"),
    [
        ("crude oil", "texts: must be a list of texts, found one text; put it into [ ]"),
        (["crude", ""], "texts[1]: must not be empty; leave it out"),
        (["crude", " \n "], "texts[1]: must not be empty; leave it out"),
        (["crude", None], "texts[1]: must be a string, found NoneType; convert it"),
        (["zebra", "crude", "42"], "'notes', found 'zebra'; leave it out (and 1 more)"),
    ],
)
def test_texts_that_say_nothing(name, texts, line, artifacts):
    with pytest.raises(UserError, match=re.escape(line)) as error:
        load(name).encode(texts)
    assert "\n" not in str(error.value)


def test_no_texts_have_no_codes(artifacts):
    assert load("text").encode([]).shape == (0, 4)
    assert load("sequence").decode(np.empty((0, 5))) == []
