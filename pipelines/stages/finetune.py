"""A variant: all its layers trained together, or solved in closed form."""

from ae_lightning.artifacts import ARTIFACTS, CURVES, MODELS, PREPARED
from ae_lightning.config.environment import environment
from ae_lightning.config.params import load, pick
from ae_lightning.config.variants import SOLVED
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import alone, together
from ae_lightning.nn import checkpoint
from ae_lightning.training.finetune import FITTERS
from ae_lightning.training.memory import note_memory
from ae_lightning.training.setup import Fit
from pipelines.tracking import recorder


def run(name: str) -> None:
    """Train variant ``name`` of params.yaml."""
    variant = pick(load().variants, name, "variant")
    data, below = (
        PreparedDataset.open(PREPARED / variant.data),
        checkpoint.load_input(variant.input),
    )
    recorded = recorder.Run(
        experiment=variant.data,
        name=name,
        stage="finetune",
        parameters=variant.model_dump(mode="json"),
        inputs=[ARTIFACTS / variant.input],
        dataset=data.folder,
    )
    curve = CURVES / "finetune" / f"{name}.csv"
    shared = together(environment(), needed=variant.kind not in SOLVED)
    with shared as here, recorded as recording:
        how = Fit.of(
            variant,
            here,
            title=f"finetune {name}",
            logger=recording.logger,
            curve=curve,
        )
        stack = FITTERS[variant.kind](variant, below, data, how)
        alone(here)
        note_memory(curve)
        checkpoint.save(stack, MODELS / name, variant.data)
        recording.log_model(MODELS / name)
