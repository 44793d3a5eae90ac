"""Presentation of the runs in MLflow's UI: descriptions, views, parent runs, the report.

All of it follows from ``artifacts/`` and from what the store has; what is there already is not
written again, and a description that a person has rewritten is left alone.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ae_lightning import artifacts
from ae_lightning.errors import UserError
from pipelines.orchestration.summary import METRICS
from pipelines.tracking import api as tracking
from pipelines.tracking import descriptions, provenance, queries, saved_views
from pipelines.tracking.artifact_index import ModelEntry, Tables
from pipelines.tracking.queries import PARENT, StoredRun
from pipelines.tracking.run import Run
from pipelines.tracking.store import UI_MODE

REPORT, PAGE = "report", "index.html"
ABOUT = "All variants side by side on one page, index.html under Artifacts."
SHARE = 0.5
"""Of an experiment's variants, those that must have a figure for it to be a column."""


def arrange(chosen: Collection[ModelEntry], tables: Tables) -> None:
    """Write the descriptions, views and tags of the models in ``chosen``, which are recorded.

    Raises:
        UserError: If the store does not answer.
    """
    report = _report()
    shelves = [
        _Shelf(
            dataset,
            [one for one in chosen if one.dataset == dataset],
            queries.current(dataset) or [],
            tables,
        )
        for dataset in sorted({one.dataset for one in chosen})
    ]
    for shelf in shelves:
        shelf.tidy(report)
    if any(one.usable for one in chosen):
        _describe_models(shelves, report)


def _report() -> str:
    """The link of the report's page; a report that is new becomes a run. Empty without a page.

    Raises:
        UserError: If the store does not answer.
    """
    if not (artifacts.REPORT / PAGE).exists():
        return ""
    tag, digest = f"{REPORT}.digest", provenance.digest(artifacts.REPORT)
    if not (known := _reports(tag, digest)):
        run = Run(REPORT, REPORT, watched=False)
        with tracking.fill(run, None, stage=REPORT, parameters={"kind": REPORT}):
            run.log_folder(artifacts.REPORT)
            run.log_tags({tag: digest, queries.NOTE: ABOUT})
        if run.guard.lost:
            raise UserError(
                f"{artifacts.REPORT}: not recorded; start the tracking store and repeat"
            )
        known = _reports(tag, digest)
    page = known[0].page(PAGE)
    with queries.answering():
        queries.tag_experiment(
            known[0].experiment, {queries.NOTE: f"{ABOUT} {descriptions.link('Open', page)}"}
        )
    return page


def _reports(tag: str, digest: str) -> list[StoredRun]:
    return [run for run in queries.current(REPORT) or [] if run.tags.get(tag) == digest]


def _describe_models(shelves: Collection["_Shelf"], report: str) -> None:
    from pipelines.serving import registry  # torch and pandas take seconds to import

    there = registry.registered()
    for shelf in shelves:
        for one, run in shelf.runs.items():
            if one.usable and one.name in there:
                note = shelf.model_note(one, run, report)
                registry.describe(one.name, there[one.name], note)


class _Shelf:
    """An experiment with the runs of the models on its dataset."""

    def __init__(
        self,
        dataset: str,
        models: Collection[ModelEntry],
        there: Collection[StoredRun],
        tables: Tables,
    ) -> None:
        self.dataset = dataset
        self.tables = tables
        by_model = {run.made: run for run in there}
        self.runs = {one: run for one in models if (run := by_model.get(one.known_by))}
        self.layers = {one.name: run for one, run in self.runs.items() if one.kind == "layers"}

    def tidy(self, report: str) -> None:
        """Write the tags that are not as they should be."""
        if not self.runs:
            return
        experiment = next(iter(self.runs.values())).experiment
        wanted = [(run, self._wanted(one, report)) for one, run in self.runs.items()]
        whole = self._experiment(experiment, report)
        with queries.answering():
            for run, tags in wanted:
                queries.tag(run.id, queries.lacking(run.tags, tags))
            queries.tag_experiment(experiment, whole)

    def model_note(self, one: ModelEntry, run: StoredRun, report: str) -> str:
        """The description of a variant or classifier as a registered model."""
        return descriptions.model(one, self._parameters(one), run.link, report)

    def _wanted(self, one: ModelEntry, report: str) -> dict[str, str]:
        """The tags of a run by which it is found, and its description."""
        parameters = self._parameters(one)
        below = [name for name in self._below(one) if name in self.layers]
        note = descriptions.run(
            one,
            parameters,
            below={name: self.layers[name].link for name in below},
            above={other.name: self.runs[other].link for other in self._above(one)},
            registered=f"#/models/{one.name}{UI_MODE}" if one.usable else "",
            report=report,
        )
        owner = next(self._above(one), None)
        return {
            "kind": str(parameters.get("kind", one.kind.rstrip("s"))),
            **({"layers": " ".join(below)} if below else {}),
            **({PARENT: self.runs[owner].id} if owner else {}),
            queries.NOTE: note,
        }

    def _above(self, one: ModelEntry) -> Iterator[ModelEntry]:
        """The variants and classifiers that stand on a layer, as params.yaml has them."""
        if one.kind != "layers":
            return
        for kind in ("models", "classifiers"):
            for name in self.tables.get(kind, ()):
                other = ModelEntry(kind, name)
                if other in self.runs and one.name in self._below(other):
                    yield other

    def _below(self, one: ModelEntry) -> list[str]:
        """Names of the layers that it stands on, from the data up."""
        names: list[str] = []
        source = str(self._parameters(one).get("input", ""))
        while source.startswith("layers/") and source not in names:
            names.append(source)
            source = str(self._parameters(ModelEntry(*source.split("/", 1))).get("input", ""))
        return [name.removeprefix("layers/") for name in reversed(names)]

    def _parameters(self, one: ModelEntry) -> Mapping[str, Any]:
        return self.tables.get(one.kind, {}).get(one.name, {})

    def _experiment(self, experiment: str, report: str) -> dict[str, str]:
        offered = self._views()
        measured = dict.fromkeys(name for view in offered.values() for name in view.metrics)
        note = descriptions.experiment(
            self.dataset,
            artifacts.PREPARED / self.dataset,
            [name for name in measured if name in descriptions.FIGURES],
            {name: saved_views.link(experiment, name) for name in offered},
            report,
        )
        primary = next(iter(offered["Variants"].metrics), "") if "Variants" in offered else ""
        known = (
            {"mlflow.experiment.primaryMetric.name": provenance.legal(primary)} if primary else {}
        )
        return {**saved_views.tags(offered), **known, "data": self.dataset, queries.NOTE: note}

    def _views(self) -> dict[str, saved_views.View]:
        """Those that have runs to show."""
        variants, classifiers = self._common("models"), self._common("classifiers")
        offered = {
            "Variants": saved_views.View(
                "finetune",
                variants,
                order=next(iter(variants), ""),
                least=bool({"reconstruction.sse"} & set(variants)),
            ),
            "Layers": saved_views.View("pretrain", ["val/loss", "val/sse"]),
            "Classifiers": saved_views.View(
                "supervise", classifiers, curves=(), order=next(iter(classifiers), "")
            ),
        }
        stages = {one.stage for one in self.runs}
        return {name: view for name, view in offered.items() if view.stage in stages}

    def _common(self, kind: str) -> list[str]:
        """Figures that most of a kind's runs have, as metrics.json names them."""
        known = [set(run.metrics) for one, run in self.runs.items() if one.kind == kind]
        names = [name for name, _ in METRICS.values() if name != "reconstruction.mse"]
        return [
            name
            for name in names
            if sum(provenance.legal(name) in metrics for metrics in known) > SHARE * len(known)
        ]
