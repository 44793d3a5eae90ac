"""A variant's figures and pictures, measured on the test part."""

from ae_lightning.artifacts import BASELINES, CURVES, EVALUATION, MODELS, PREPARED
from ae_lightning.config.environment import environment
from ae_lightning.config.params import load, pick
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import together
from ae_lightning.evaluation.evaluate import evaluate
from ae_lightning.evaluation.types import Baseline
from ae_lightning.nn import checkpoint
from pipelines.tracking import recorder


def run(name: str) -> None:
    """Evaluate variant ``name`` of params.yaml."""
    variant = pick(load().variants, name, "variant")
    data = PreparedDataset.open(PREPARED / variant.data)
    baseline = Baseline.open(BASELINES / variant.data / name)
    recorded = recorder.resume(
        experiment=variant.data,
        name=name,
        model=MODELS / name,
        parameters=variant.model_dump(mode="json"),
        inputs=[MODELS / name],
        dataset=data.folder,
    )
    with together(environment()) as here, recorded as recording:
        metrics = evaluate(
            name,
            checkpoint.load(MODELS / name),
            data,
            here,
            baseline=baseline,
            curve=CURVES / "finetune" / f"{name}.csv",
            folder=EVALUATION / name,
        )
        recording.log_metrics(metrics)
        recording.log_files(EVALUATION / name)
