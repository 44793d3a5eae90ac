"""Write README's tables of results anew from the metrics and curves that are in git.

    python benchmarks/readme.py

A cell keeps its form: the decimals, the unit and whatever stands behind the number. Sentences are
not touched. tests/test_readme.py holds that there is nothing to write.
"""

import re
from pathlib import Path
from typing import Any

from ae_lightning.config.params import Params, load
from ae_lightning.evaluation.results import look_up, read_metrics
from ae_lightning.training.curve import LearningCurve

ROOT = Path(__file__).parents[1]

PATHS = {
    "test SSE": "reconstruction.sse",
    "gap": "overfitting.gap",
    "parameters": "model.parameters",
    "1-NN": "knn.accuracy@1",
    "5-NN": "knn.accuracy@5",
    "trustworthiness": "embedding.trustworthiness",
    "codes within ±2": "spread.within_box",
    "P@1": "retrieval.precision@1",
    "P@10": "retrieval.precision@10",
    "P@100": "retrieval.precision@100",
    "MAP": "retrieval.map",
    "keyword queries": "queries.share@10",
    "all 114 topics": "retrieval.hamming.precision@100",
    "20 main topics": "retrieval.hamming.main.precision@100",
}
"""Columns by their heading, and where their figures are in metrics.json."""

NUMBER = re.compile(r"(\**)(−?[\d.,]+)( %| M)?(.*)", re.DOTALL)
SECONDS = re.compile(r"(?:\d+ \+ )?\d+ s")
SCALES = {" %": 100.0, " M": 1e-6, None: 1.0}


def rewritten(text: str, root: Path = ROOT) -> str:
    """README with the figures of ``root`` in its tables."""
    params = load(root / "params.yaml")
    lines: list[str] = []
    heading: list[str] = []
    for line in text.split("\n"):
        cells = line.split(" | ") if line.startswith("| ") else []
        if not cells:
            heading = []
        elif not heading:
            heading = [plain(cell) for cell in cells]
        elif (name := variant(heading[0], cells[0])) in params.variants:
            cells = [
                cells[0],
                *(
                    anew(cell, above, name, params, root)
                    for cell, above in zip(cells[1:], heading[1:], strict=True)
                ),
            ]
            line = " | ".join(cells)
        lines.append(line)
    return "\n".join(lines)


def plain(cell: str) -> str:
    """A heading without the marks of its notes."""
    return cell.strip("| ¹²³⁴⁵⁶")


def variant(heading: str, cell: str) -> str:
    """The variant that a row is about: in backticks, or the number of bits."""
    first = cell.strip("| ")
    return f"text-hash-{first}" if heading == "bits" else first[1:-1] if "`" in first else ""


def anew(cell: str, heading: str, name: str, params: Params, root: Path) -> str:
    """A cell with today's figure; one without a figure, or of others' figures, as it is."""
    metrics = read_metrics(root / "artifacts/evaluation" / name)
    if heading == "training":
        return SECONDS.sub(lambda _: taken(name, metrics, params, root), cell)
    if heading == "1-NN error":
        return renewed(cell, 1 - look_up(metrics, "knn.accuracy@1"))
    if heading not in PATHS or not NUMBER.match(cell):
        return cell
    return renewed(cell, look_up(metrics, PATHS[heading]))


def renewed(cell: str, value: float) -> str:
    """The number at a cell's beginning replaced, in its form."""
    found = NUMBER.match(cell)
    assert found is not None
    stars, number, unit, rest = found.groups()
    decimals = len(number.partition(".")[2])
    text = f"{value * SCALES[unit]:,.{decimals}f}".replace("-", "−")
    return f"{stars}{text}{unit or ''}{rest}"


def taken(name: str, metrics: dict[str, Any], params: Params, root: Path) -> str:
    """Seconds of the layers' pretraining, if there are any, and of fine-tuning."""
    below = params.chain(params.variants[name].input)
    curves = [
        LearningCurve.read(root / "artifacts/curves/pretrain" / f"{layer}.csv").columns
        for layer in below
    ]
    parts = [sum(curve["seconds"][-1] for curve in curves)] if curves else []
    return " + ".join(f"{part:.0f}" for part in [*parts, metrics["training"]["seconds"]]) + " s"


def main() -> None:
    """Rewrite README.md."""
    readme = ROOT / "README.md"
    readme.write_text(rewritten(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
