"""The claim of image retrieval: by pixels, or by a code."""

from pipelines.report.claims.judging import (
    POINT,
    Claim,
    Criterion,
    Judgement,
    evaluated,
    figure_of,
    judgement,
    numbers,
    share,
    tabled,
)
from pipelines.report.claims.precision_at_k import PRECISION, ahead, precisions, said
from pipelines.report.results import Results

MOST = 0.5


def images(results: Results) -> Judgement:
    """Retrieval by the deep code against pixels, and against PCA of as many numbers."""
    pixels, pca, deep = (precisions(results, name) for name in ("pixels", "pca-256", "image-256"))
    parts = [
        Criterion(
            "by pixels fewer than half of the ten nearest images show the query's class",
            [pixels[0] < MOST],
            share(pixels[0]),
        ),
        Criterion(
            f"by the deep code the precision at 10 and 100 is over {POINT} above that of pixels",
            ahead(deep, pixels),
            f"{said(deep)} for {said(pixels)}",
        ),
        Criterion(
            "it is as far above that of PCA with as many numbers",
            ahead(deep, pca),
            said(pca),
        ),
    ]
    note = ""
    if (white := results.optional("pca-256-white", "retrieval.precision@10")) is not None:
        note = f"PCA of whitened images, not deep at all, has {share(white)} at 10"
    columns = PRECISION | {
        "MAP": ("retrieval.map", share),
        "numbers in the code": ("code.size", numbers),
        "parameters": ("model.parameters", numbers),
    }
    names = ["pixels", "pca-256", "pca-256-white", "image-256", "image-conv-256"]
    return judgement(parts, tabled(results, names, columns), note)


CLAIMS = (
    Claim(
        "7",
        "Searching images by pixels fails; by the 256 numbers of a deep autoencoder it works "
        "better.",
        evaluated("pixels", "pca-256", "image-256"),
        images,
        (
            figure_of(
                "image-256",
                "neighbours",
                "Queries and their nearest by pixels and by the deep code; green: of its class",
            ),
        ),
    ),
)
