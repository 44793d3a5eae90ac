"""A classifier: from every start, with every number of labels, from every seed."""

from ae_lightning.classifiers import load_classifiers, merged
from ae_lightning.config import environment, pick
from ae_lightning.data.prepared import Prepared
from ae_lightning.launch import alone, together
from ae_lightning.nn import storage
from ae_lightning.training.sweep import Sweep
from pipelines import tracking
from pipelines.paths import ARTIFACTS, CLASSIFIERS, CURVES, PREPARED


def run(name: str) -> None:
    """Teach classifier ``name`` of params.yaml."""
    classifier = pick(load_classifiers(), name, "classifier")
    data, below = Prepared.open(PREPARED / classifier.data), storage.load_input(classifier.input)
    recorded = tracking.start(
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
