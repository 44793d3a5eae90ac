"""One greedy layer on the frozen codes of the layers below."""

from ae_lightning.artifacts import ARTIFACTS, CURVES, LAYERS, PREPARED
from ae_lightning.config.environment import environment
from ae_lightning.config.params import load, pick
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import alone, together
from ae_lightning.nn import checkpoint
from ae_lightning.training.pretrain import pretrain
from ae_lightning.training.setup import Fit
from pipelines.tracking import recorder


def run(name: str) -> None:
    """Pretrain layer ``name`` of params.yaml."""
    layer = pick(load().layers, name, "layer")
    data, below = PreparedDataset.open(PREPARED / layer.data), checkpoint.load_input(layer.input)
    recorded = recorder.Run(
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
        checkpoint.save(stack, LAYERS / name, layer.data)
        recording.log_model(LAYERS / name)
