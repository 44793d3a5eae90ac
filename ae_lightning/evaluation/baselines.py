"""What variants are compared with: raw examples, and PCA or LSA of the code's size.

Variants of a dataset share these: each is computed once, and written for each variant.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from ae_lightning.config.environment import Environment
from ae_lightning.config.params import CodeShape
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.evaluation import documents, images
from ae_lightning.evaluation.image_scores import Metrics
from ae_lightning.evaluation.types import Baseline
from ae_lightning.files import replaced, rounded
from ae_lightning.registry import NamedBy


class Baselines(NamedTuple):
    """Scores of a dataset's raw examples, and of their closed form of a size."""

    raw: Callable[[PreparedDataset], Metrics]
    solved: Callable[[PreparedDataset, int, Environment], Baseline]


BASELINES: Annotated[dict[str, Baselines], NamedBy(values=("dataset.kind",))] = {
    "idx": Baselines(images.pixel_baseline, images.pca_baseline),
    "npy": Baselines(images.pixel_baseline, images.pca_baseline),
    "folder": Baselines(images.pixel_baseline, images.pca_baseline),
    "documents": Baselines(documents.baseline, documents.lsa_baseline),
}
"""Baselines by the data's kind."""


def write_baselines(
    data: PreparedDataset, codes: Mapping[str, CodeShape], environment: Environment, folder: Path
) -> None:
    """Write ``folder/VARIANT`` for the code of each variant; one without a code has no PCA or LSA.

    A closed form may be smaller than the code: it has as many numbers as the data allow.
    """
    raw = BASELINES[data.kind].raw(data)

    @cache
    def solved(size: int) -> Baseline:
        return BASELINES[data.kind].solved(data, size, environment)

    with replaced(folder) as partial:
        for name, code in codes.items():
            size = code.size(data.shape)
            beside = solved(size) if size else Baseline({})
            scores = rounded(raw | beside.metrics)
            Baseline(scores, beside.solved).save(partial / name, folder.name)
