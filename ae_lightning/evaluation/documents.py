"""Evaluation of a variant on documents: retrieval of documents of the same topics, and scores."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from ae_lightning.config.environment import Environment
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.evaluation.collection import Collection
from ae_lightning.evaluation.figures.document_pages import document_pictures
from ae_lightning.evaluation.image_scores import Metrics
from ae_lightning.evaluation.metrics.hamming import most_frequent, score_hamming
from ae_lightning.evaluation.metrics.ranking import ranking
from ae_lightning.evaluation.metrics.retrieval import labelled, score_retrieval
from ae_lightning.evaluation.metrics.trust import trust
from ae_lightning.evaluation.metrics.word_order import order
from ae_lightning.evaluation.types import Baseline, EvaluationInput, EvaluationResult
from ae_lightning.nn.stack import Stack
from ae_lightning.training.closed_form import lsa_stack
from ae_lightning.training.input_transform import weighting

MAIN_TOPICS = 20
NEAREST = 10
DECODED = ("test", "validation")
TRUST_DOCUMENTS = 3000


def retrieval(collection: Collection, queries: str, database: Sequence[str]) -> Metrics:
    """``retrieval`` of one split's documents among others'; {} without labels.

    ``hamming`` is that of the code cut into bits; ``hamming.main`` with the 20 main topics alone.
    NaN stands for what cannot be measured, as none of the documents asked or there has a label.
    """
    if not collection.labels:
        return {}
    asked = collection.codes[queries], collection.labels[queries]
    there = collection.together(database)
    if not (asked[1].any() and there[1].any()):
        return {"retrieval": math.nan}
    found = score_retrieval(*asked, *there, distance=collection.distance)
    if collection.stack.layers:
        hamming = partial(score_hamming, collection.codes["train"], *asked, *there)
        topical = asked[1][:, most_frequent(there[1], MAIN_TOPICS)].any()
        main = hamming(topics=MAIN_TOPICS)["precision@100"] if topical else math.nan
        found["hamming"] = {**hamming(), "main": {"precision@100": main}}
    return {"retrieval": found}


def keywords(collection: Collection) -> Metrics:
    """Of the ten labelled documents nearest to each keyword query, the share with its topic.

    ``share@10`` is the mean over the queries, ``each`` has every one; {} without queries or labels.
    """
    wanted, classes = collection.corpus.queries, collection.corpus.data.classes
    if not wanted or not collection.labels:
        return {}
    codes, labels = collection.together(("train", "validation"))
    if not labels.any():
        return {}
    codes, labels = labelled(codes, labels)
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
    first, second = (each.codes["test"][:TRUST_DOCUMENTS] for each in (words, collection))
    return {"embedding": {"trustworthiness": trust(first, second, "cosine")}}


def scores(collection: Collection, baseline: Metrics) -> Metrics:
    """All of a variant's ``metrics.json``."""
    database, stack = ("train", "validation"), collection.stack
    test, validation = (
        {"reconstruction": collection.errors[split]} if stack.layers else {} for split in DECODED
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
        "baseline": baseline,
    }


def baseline(data: PreparedDataset) -> Metrics:
    """Scores of the vector-space model, by its term weighting."""
    found = {}
    for weights in ("binary", "tfidf"):
        words = Collection.of(Stack([], weighting(weights, data)), data, Environment().single())
        found[weights] = retrieval(words, "test", ("train", "validation")) | keywords(words)
    return found


def lsa_baseline(data: PreparedDataset, size: int, environment: Environment) -> Baseline:
    """Scores of LSA of ``size`` numbers on the test part, or of as many as the data allow.

    There is none of a single term.
    """
    size = min(size, data.features, sum(len(data.counts(s)) for s in ("train", "validation")))
    if data.features < 2:
        return Baseline({})
    lsa = Collection.of(lsa_stack(data, weighting("tfidf", data), size), data, environment)
    return Baseline({"lsa": retrieval(lsa, "test", ("train", "validation")) | keywords(lsa)})


def document_passes(case: EvaluationInput) -> Collection:
    """Codes and errors of all documents, in all processes."""
    decoded = DECODED if case.stack.layers else ()
    return Collection.of(case.stack, case.data, case.environment, decoded)


def evaluate_documents(case: EvaluationInput, collection: Collection) -> EvaluationResult:
    """Everything about a variant on documents; codes of all splits, for search.

    The vector-space model's codes are not kept: they are the prepared counts, weighed.
    """
    found = scores(collection, case.baseline.metrics)
    pictures, plane = document_pictures(case.name, collection, found, case.curve)
    kept = collection.codes if case.stack.layers else {}
    return EvaluationResult(found, pictures, kept, plane)
