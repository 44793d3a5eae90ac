"""Evaluate a variant on documents: does its code find documents of the same topics?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness

from ae_lightning.config import Environment
from ae_lightning.data.corpus import Corpus
from ae_lightning.data.prepared import SPLITS, Prepared
from ae_lightning.evaluation.document_pictures import document_pictures
from ae_lightning.evaluation.found import Case, Found
from ae_lightning.evaluation.hamming import score_hamming
from ae_lightning.evaluation.module import Evaluator
from ae_lightning.evaluation.order import order
from ae_lightning.evaluation.ranking import ranking
from ae_lightning.evaluation.retrieval import labelled, score_retrieval
from ae_lightning.evaluation.scores import Metrics
from ae_lightning.nn.stack import Stack
from ae_lightning.training.documents import weighting
from ae_lightning.training.lsa import lsa_stack

MAIN_TOPICS = 20
NEAREST = 10
TRUST_DOCUMENTS = 3000


@dataclass(frozen=True)
class Collection:
    """Documents under one code, computed once for scores and figures alike.

    ``labels`` are empty without labels; ``texts`` encodes new texts.
    """

    stack: Stack
    corpus: Corpus
    codes: dict[str, NDArray[Any]]
    labels: dict[str, NDArray[Any]]
    reconstruction: Callable[[str], dict[str, float]]
    texts: Callable[[Sequence[str]], NDArray[Any]]

    @classmethod
    def of(cls, stack: Stack, data: Prepared, environment: Environment) -> "Collection":
        """Compute the codes of every split."""
        corpus, evaluator = Corpus(data), Evaluator(stack, environment)
        inputs = partial(corpus.inputs, sequences=stack.takes_sequences)
        inputs_of = partial(corpus.inputs_of, sequences=stack.takes_sequences)
        return cls(
            stack,
            corpus,
            {split: evaluator.codes(inputs(split)) for split in SPLITS},
            {split: data.labels(split) for split in SPLITS if data.classes},
            lambda split: evaluator.reconstruction(inputs(split)),
            lambda texts: evaluator.codes(inputs_of(texts)),
        )

    @property
    def distance(self) -> str:
        """Two numbers have hardly any angle: their distance is Euclidean, others' cosine."""
        return "euclidean" if self.stack.units == 2 else "cosine"

    def together(self, splits: Sequence[str]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Codes and labels of several splits."""
        return (
            np.concatenate([self.codes[split] for split in splits]),
            np.concatenate([self.labels[split] for split in splits]),
        )


def retrieval(collection: Collection, queries: str, database: Sequence[str]) -> Metrics:
    """``retrieval`` of one split's documents among others'; {} without labels.

    ``hamming`` is that of the code cut into bits; ``hamming.main`` with the 20 main topics alone.
    """
    if not collection.labels:
        return {}
    asked = collection.codes[queries], collection.labels[queries]
    there = collection.together(database)
    found = score_retrieval(*asked, *there, distance=collection.distance)
    if collection.stack.layers:
        main = score_hamming(collection.codes["train"], *asked, *there, topics=MAIN_TOPICS)
        found["hamming"] = score_hamming(collection.codes["train"], *asked, *there)
        found["hamming"]["main"] = {"precision@100": main["precision@100"]}
    return {"retrieval": found}


def keywords(collection: Collection) -> Metrics:
    """Of the ten labelled documents nearest to each keyword query, the share with its topic.

    ``share@10`` is the mean over the queries, ``each`` has every one; {} without queries.
    """
    wanted, classes = collection.corpus.queries, collection.corpus.data.classes
    if not wanted or not collection.labels:
        return {}
    codes, labels = labelled(*collection.together(("train", "validation")))
    nearest = ranking(collection.texts(list(wanted)), codes, collection.distance)[:, :NEAREST]
    answers = [[classes.index(topic) for topic in topics] for topics in wanted.values()]
    shares = {
        query: float(labels[rows][:, columns].any(1).mean())
        for query, rows, columns in zip(wanted, nearest, answers, strict=True)
    }
    return {"queries": {"share@10": float(np.mean(list(shares.values()))), "each": shares}}


def embedding(collection: Collection) -> Metrics:
    """``trustworthiness`` of 2-D codes (Venna & Kaski 2001) against the cosine of tf-idf.

    Five neighbours, first 3,000 test documents.
    """
    if collection.stack.units != 2:
        return {}
    data = collection.corpus.data
    words = Collection.of(Stack([], weighting("tfidf", data)), data, Environment().single())
    trust = trustworthiness(
        words.codes["test"][:TRUST_DOCUMENTS],
        collection.codes["test"][:TRUST_DOCUMENTS],
        n_neighbors=5,
        metric="cosine",
    )
    return {"embedding": {"trustworthiness": float(trust)}}


def scores(collection: Collection, lsa: Collection | None, baseline: Metrics) -> Metrics:
    """All of a variant's ``metrics.json``; ``lsa`` is LSA of the same code size."""
    database, stack = ("train", "validation"), collection.stack
    beside = {"lsa": retrieval(lsa, "test", database) | keywords(lsa)} if lsa else {}
    test, validation = (
        {"reconstruction": collection.reconstruction(split)} if stack.layers else {}
        for split in ("test", "validation")
    )
    return {
        **test,
        **retrieval(collection, "test", database),
        "code": {"size": stack.units},
        "model": {"parameters": sum(p.numel() for p in stack.parameters())},
        **keywords(collection),
        **embedding(collection),
        **order(stack, collection.corpus),
        "validation": {**validation, **retrieval(collection, "validation", ("train",))},
        "baseline": {**baseline, **beside},
    }


def baseline(data: Prepared) -> Metrics:
    """Scores of the vector-space model, by what it weighs words by."""
    found = {}
    for weights in ("binary", "tfidf"):
        words = Collection.of(Stack([], weighting(weights, data)), data, Environment().single())
        found[weights] = retrieval(words, "test", ("train", "validation")) | keywords(words)
    return found


def evaluate_documents(case: Case) -> Found:
    """Everything about a variant on documents; codes of all splits, for search.

    The vector-space model's codes are not kept: they are the prepared counts, weighed.
    """
    stack, data = case.stack, case.data
    collection = Collection.of(stack, data, case.environment)
    lsa = None
    if stack.layers:
        same_size = lsa_stack(data, weighting("tfidf", data), stack.units)
        lsa = Collection.of(same_size, data, case.environment)
    found = scores(collection, lsa, case.baseline)
    pictures, plane = document_pictures(case.name, collection, found, case.curve)
    return Found(found, pictures, collection.codes if stack.layers else {}, plane)
