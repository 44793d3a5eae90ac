"""A classifier's errors and pictures, measured on the test part."""

from ae_lightning.artifacts import CLASSIFIERS, CURVES, GRADES, PREPARED
from ae_lightning.config.classifiers import load_classifiers, merged
from ae_lightning.config.environment import environment
from ae_lightning.config.params import pick
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import together
from ae_lightning.evaluation.classifiers import grade
from ae_lightning.nn.classifier import ClassifierCheckpoint
from pipelines.tracking import recorder


def run(name: str) -> None:
    """Grade classifier ``name`` of params.yaml."""
    classifier = pick(load_classifiers(), name, "classifier")
    data, stored = (
        PreparedDataset.open(PREPARED / classifier.data),
        ClassifierCheckpoint.open(CLASSIFIERS / name),
    )
    recorded = recorder.resume(
        experiment=classifier.data,
        name=name,
        stage="grade",
        model=CLASSIFIERS / name,
        parameters=merged(classifier.model_dump(mode="json")),
        inputs=[CLASSIFIERS / name],
        dataset=data.folder,
    )
    with together(environment(), needed=False) as here, recorded as recording:
        curve, folder = CURVES / "supervise" / f"{name}.csv", GRADES / name
        metrics = grade(name, stored, data, here, curve, folder)
        recording.log_metrics(metrics)
        recording.log_child_metrics({run: {"error": e} for run, e in metrics["runs"].items()})
        recording.log_files(folder)
