import numpy as np
import torch

from ae_lightning.config.variants import Sequence, Variant
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.sequences import Sequences
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import Stack
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.finetune import FITTERS
from ae_lightning.training.objectives.sequences import examples, joined, shuffled

THREE = Sequences(np.array([5, 6, 7, 8, 3, 3, 4]), np.array([0, 4, 4, 7]))


def rows(sequences):
    padded = (sequences[np.array([row])][0] for row in range(len(sequences)))
    return [row[row > 0].tolist() for row in padded]


def test_shuffled_sequences_keep_their_words():
    random = np.random.default_rng(0)
    orders = {tuple(map(tuple, rows(shuffled(THREE, random)))) for _ in range(50)}
    assert len(orders) > 20
    for first, empty, last in orders:
        assert sorted(first) == [5, 6, 7, 8]
        assert empty == ()
        assert sorted(last) == [3, 3, 4]


def test_joined_sequences_stand_in_order_without_the_empty_ones():
    assert rows(joined([THREE, THREE])) == [[5, 6, 7, 8], [3, 3, 4]] * 2


def test_examples_are_documents_titles_and_shuffled_titles(notes):
    corpus = Corpus(notes)
    how = Sequence(titles=2, shuffled=1)
    found = rows(examples(corpus, "train", how, seed=0))
    documents = rows(corpus.sequences("train"))
    titles = rows(corpus.sequences_of([record["title"] for record in corpus.records("train")]))
    assert found[:60] == documents
    assert found[60:180] == titles * 2
    assert [sorted(row) for row in found[180:]] == [sorted(row) for row in titles]


def test_a_sequence_autoencoder_learns_and_is_kept(notes, how, tmp_path):
    variant = Variant(
        data="notes",
        input="prepared/notes",
        kind="sequence",
        sizes=(6,),
        sequence=Sequence(width=16, blocks=1, titles=1, shuffled=0),
    )
    train = {"epochs": 12, "batch_size": 10, "optimizer": "adamw", "learning_rate": 0.01}
    settings = how(**train)
    stack = FITTERS["sequence"](variant, Stack([]), notes, settings)
    curve = LearningCurve.read(settings.curve).columns
    assert curve["val/loss"][-1] < 0.8 * curve["val/loss"][0]
    assert "val/sse" not in curve
    tokens = torch.from_numpy(Corpus(notes).sequences("test")[:5])
    checkpoint.save(stack, tmp_path / "model", "notes")
    again = checkpoint.load(tmp_path / "model")
    assert again.takes_sequences
    assert torch.equal(again.encode(tokens), stack.encode(tokens))
