"""Comparison of all variants, and the report page."""

from ae_lightning.artifacts import ARTIFACTS, CURVES, EVALUATION, GRADES, PREPARED, REPORT
from ae_lightning.config.params import load
from pipelines.report.build import write_page
from pipelines.report.plotly_js import plotly_js
from pipelines.report.variant_comparison import report
from pipelines.serving import champions


def run() -> None:
    """Write the table, figures and page of every variant that has been evaluated."""
    params, page = load(), REPORT / "index.html"
    report(params, EVALUATION, CURVES, PREPARED, REPORT)
    best = champions.chosen(params, EVALUATION, GRADES)
    write_page(params, ARTIFACTS, best, plotly_js(), page)
    print(f"{page}: open it in a browser, it needs no server")
