"""One greedy layer on the frozen codes of the layers below."""

from ae_lightning.config import environment, load, pick
from ae_lightning.data.prepared import Prepared
from ae_lightning.launch import alone, together
from ae_lightning.nn import storage
from ae_lightning.training.fit import Fit
from ae_lightning.training.pretrain import pretrain
from pipelines import tracking
from pipelines.paths import ARTIFACTS, CURVES, LAYERS, PREPARED


def run(name: str) -> None:
    """Pretrain layer ``name`` of params.yaml."""
    layer = pick(load().layers, name, "layer")
    data, below = Prepared.open(PREPARED / layer.data), storage.load_input(layer.input)
    recorded = tracking.start(
        experiment=layer.data,
        name=name,
        stage="pretrain",
        parameters=layer.model_dump(mode="json"),
        inputs=[ARTIFACTS / layer.input],
        dataset=data.folder,
    )
    with together(environment()) as here, recorded as recording:
        how = Fit.of(
            layer,
            here,
            title=f"pretrain {name}",
            logger=recording.logger,
            curve=CURVES / "pretrain" / f"{name}.csv",
        )
        stack = pretrain(name, layer, below, data, how)
        alone(here)
        storage.save(stack, LAYERS / name, layer.data)
        recording.log_model(LAYERS / name)
