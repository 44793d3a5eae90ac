"""All variants side by side, and a page to look at them."""

from ae_lightning.config import load
from ae_lightning.evaluation.report import report
from ae_lightning.page.build import write_page
from pipelines import champions
from pipelines.paths import ARTIFACTS, CURVES, EVALUATION, GRADES, PREPARED, REPORT


def run() -> None:
    """Write the table, figures and page of every variant that has been evaluated."""
    params, page = load(), REPORT / "index.html"
    report(params, EVALUATION, CURVES, PREPARED, REPORT)
    write_page(params, ARTIFACTS, champions.chosen(params, EVALUATION, GRADES), page)
    print(f"{page}: open it in a browser, it needs no server")
