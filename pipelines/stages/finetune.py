"""A variant: all its layers trained together, or solved in closed form."""

from ae_lightning.config import environment, load, pick
from ae_lightning.data.prepared import Prepared
from ae_lightning.items import SOLVED
from ae_lightning.launch import alone, together
from ae_lightning.nn import storage
from ae_lightning.training.fit import Fit
from ae_lightning.training.memory import note_memory
from ae_lightning.training.variants import FITTERS
from pipelines import tracking
from pipelines.paths import ARTIFACTS, CURVES, MODELS, PREPARED


def run(name: str) -> None:
    """Train variant ``name`` of params.yaml."""
    variant = pick(load().variants, name, "variant")
    data, below = Prepared.open(PREPARED / variant.data), storage.load_input(variant.input)
    recorded = tracking.start(
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
        storage.save(stack, MODELS / name, variant.data)
        recording.log_model(MODELS / name)
