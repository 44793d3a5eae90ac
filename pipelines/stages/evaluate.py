"""A variant's figures and pictures, measured on the test part."""

import json

from ae_lightning.config import environment, load, pick
from ae_lightning.data.prepared import Prepared
from ae_lightning.evaluation.evaluate import evaluate
from ae_lightning.evaluation.module import leading
from ae_lightning.launch import together
from ae_lightning.nn import storage
from pipelines import tracking
from pipelines.paths import BASELINES, CURVES, EVALUATION, MODELS, PREPARED


def run(name: str) -> None:
    """Evaluate variant ``name`` of params.yaml."""
    variant = pick(load().variants, name, "variant")
    data = Prepared.open(PREPARED / variant.data)
    baseline = json.loads((BASELINES / variant.data / "metrics.json").read_text())
    recorded = tracking.resume(
        experiment=variant.data,
        name=name,
        model=MODELS / name,
        parameters=variant.model_dump(mode="json"),
        inputs=[MODELS / name],
        dataset=data.folder,
    )
    with together(environment()) as here, leading(here), recorded as recording:
        metrics = evaluate(
            name,
            storage.load(MODELS / name),
            data,
            here,
            baseline=baseline,
            curve=CURVES / "finetune" / f"{name}.csv",
            folder=EVALUATION / name,
        )
        recording.log_metrics(metrics)
        recording.log_files(EVALUATION / name)
