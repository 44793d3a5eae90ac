"""Claims of documents: found by words or by codes, and the order of their words."""

from math import sqrt

from pipelines.report.claims.judging import (
    ERRORS,
    POINT,
    Claim,
    Criterion,
    Judgement,
    Picture,
    evaluated,
    figure_of,
    judgement,
    numbers,
    percent,
    share,
    tabled,
    tenths,
)
from pipelines.report.claims.precision_at_k import FIRST_TOO, PRECISION, ahead, precisions, said
from pipelines.report.results import Results

FAR = 0.1
MOST = 0.5
BAG = 0.5

QUERIES = ("queries.share@10", percent)
LARGER = (10, 128)


def words(results: Results) -> Judgement:
    """Retrieval by words: tf-idf against binary weights, codes of 128 numbers against tf-idf.

    Documents without a common word have the inner product 0, whatever they mean; a code can match
    them.
    """
    binary, tfidf = (precisions(results, name, FIRST_TOO) for name in ("binary", "tfidf"))
    codes = [precisions(results, name, FIRST_TOO) for name in ("lsa-128", "text-128")]
    best = [max(at) for at in zip(*codes, strict=True)]
    parts = [
        Criterion(
            "weighing words by importance raises the precision at 1, 10 and 100 by more than "
            f"{POINT}",
            ahead(tfidf, binary),
            f"{said(binary)} with 0 and 1, {said(tfidf)} with tf-idf",
        ),
        Criterion(
            "a code of 128 numbers, which can match documents that have no word in common, is more "
            f"than {POINT} ahead of tf-idf at 1, 10 and 100",
            ahead(best, tfidf),
            f"{said(best)} by the better of LSA and autoencoder",
        ),
    ]
    columns = PRECISION | {"MAP": ("retrieval.map", share), "keyword queries": QUERIES}
    names = ["binary", "tfidf", "lsa-128", "text-128"]
    return judgement(parts, tabled(results, names, columns))


def topics(results: Results) -> Judgement:
    """Retrieval by topic against LSA at each code size; by keywords with each code size."""
    plane, lsa = (precisions(results, name) for name in ("text-2", "lsa-2"))
    larger = {
        size: (precisions(results, f"text-{size}"), precisions(results, f"lsa-{size}"))
        for size in LARGER
    }
    found = [results.figure(f"text-{size}", "queries.share@10") for size in (2, *LARGER)]
    parts = [
        Criterion(
            f"with two numbers the precision at 10 and 100 is more than {FAR} above LSA's",
            ahead(plane, lsa, FAR),
            f"{said(plane)} for {said(lsa)}",
        ),
        Criterion(
            f"with {' and '.join(map(str, LARGER))} numbers it is more than {POINT} above LSA's",
            [each for ours, theirs in larger.values() for each in ahead(ours, theirs)],
            ", ".join(f"{said(text)} for {said(lsa)}" for text, lsa in larger.values()),
        ),
        Criterion(
            "most of the ten documents nearest to a query of a few words have its topic, whichever "
            "the size",
            [each > MOST for each in found],
            " / ".join(map(percent, found)) + f" with 2 / {' / '.join(map(str, LARGER))} numbers",
        ),
    ]
    columns = PRECISION | {
        "MAP": ("retrieval.map", share),
        "keyword queries": QUERIES,
        "“crude oil opec”": ("queries.each.crude oil opec", percent),
    }
    names = [f"{kind}-{size}" for size in (2, *LARGER) for kind in ("lsa", "text")]
    return judgement(parts, tabled(results, names, columns))


def sequences(results: Results) -> Judgement:
    """Sequence code against bags of words: word order, exact words, retrieval by topic."""
    pairs, matched, exact = (
        results.figure("seq2seq", f"order.{name}") for name in ("pairs", "matched", "exact")
    )
    ours, bag = (precisions(results, name) for name in ("seq2seq", "binary"))
    chance = BAG + ERRORS * sqrt(BAG * (1 - BAG) / pairs)
    parts = [
        Criterion(
            "of titles and copies with two words swapped more are matched with the right code than "
            f"chance explains, which is all that a bag has, {tenths(chance)} with two standard "
            "errors",
            [matched > chance],
            f"{tenths(matched)} of {numbers(pairs)} pairs",
        ),
        Criterion(
            "most of these sequences come back word by word",
            [exact > MOST],
            tenths(exact),
        ),
        Criterion(
            "the precision at 10 and 100 for documents of a query's topic is no more than "
            f"{POINT} below that of the bag of words",
            [not behind for behind in ahead(bag, ours)],
            f"{said(ours)} for {said(bag)}",
        ),
    ]
    columns = {
        "pairs with the right code": ("order.matched", tenths),
        "both likelier under their own code": ("order.both_own", tenths),
        "word by word": ("order.exact", tenths),
        "tokens right, given those before": (
            "reconstruction.token_accuracy",
            tenths,
        ),
        **PRECISION,
    }
    names = ["seq2seq", "binary", "tfidf", "text-128"]
    return judgement(parts, tabled(results, names, columns))


CLAIMS = (
    Claim(
        "5",
        "A bag of words, 0 or 1 or weighed by importance, compares documents by their common "
        "words and knows nothing of meaning.",
        evaluated("binary", "tfidf", "lsa-128", "text-128"),
        words,
        (
            figure_of("text-128", "precision_recall", "Words alone, weighed words, and two codes"),
            Picture("report/precision_recall_reuters.png", "All ways to find documents"),
        ),
    ),
    Claim(
        "6",
        "A text autoencoder groups documents by topic where LSA does not, and the code of a query "
        "finds documents of its topic.",
        evaluated(*(f"{kind}-{size}" for size in (2, *LARGER) for kind in ("lsa", "text"))),
        topics,
        (
            figure_of("lsa-2", "codes", "Test documents in the plane of LSA, by topic"),
            figure_of("text-2", "codes", "Test documents in the autoencoder's plane, by topic"),
            figure_of("text-2", "precision_recall", "Two numbers of each, beside all words"),
        ),
    ),
    Claim(
        "19",
        "Text should not be squeezed into one bag of words: a sequence-to-sequence autoencoder "
        "keeps the order.",
        evaluated("seq2seq", "binary"),
        sequences,
        (
            figure_of(
                "seq2seq",
                "precision_recall",
                "Documents found by topic: bags of words, LSA, the sequence model",
            ),
        ),
    ),
)
