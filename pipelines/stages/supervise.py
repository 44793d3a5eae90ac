"""A classifier: from every start, with every number of labels, from every seed."""

from ae_lightning.artifacts import ARTIFACTS, CLASSIFIERS, CURVES, PREPARED
from ae_lightning.config.classifiers import load_classifiers, merged
from ae_lightning.config.environment import environment
from ae_lightning.config.params import pick
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import alone, together
from ae_lightning.nn import checkpoint
from ae_lightning.training.sweep import Sweep
from pipelines.tracking import recorder


def run(name: str) -> None:
    """Teach classifier ``name`` of params.yaml."""
    classifier = pick(load_classifiers(), name, "classifier")
    data, below = (
        PreparedDataset.open(PREPARED / classifier.data),
        checkpoint.load_input(classifier.input),
    )
    recorded = recorder.Run(
        experiment=classifier.data,
        name=name,
        stage="supervise",
        parameters=merged(classifier.model_dump(mode="json")),
        inputs=[ARTIFACTS / classifier.input],
        dataset=data.folder,
    )
    with together(environment()) as here, recorded as recording:
        sweep = Sweep(name, classifier, below, data, here)
        for each, taught in sweep.train():
            recording.log_child(str(each), each._asdict(), taught.epochs)
        alone(here)
        sweep.finish(CLASSIFIERS / name, CURVES / "supervise" / f"{name}.csv")
        recording.log_model(CLASSIFIERS / name)
