"""Published errors of classifiers with few labels, to stand beside ours; quoted, not run again."""

from typing import NamedTuple


class ReferenceResult(NamedTuple):
    """A share of wrong answers with a number of labels, by whom."""

    labels: int
    error: float
    system: str


PUBLISHED: dict[str, tuple[ReferenceResult, ...]] = {
    "mnist": (
        # Rasmus et al. 2015 and Miyato et al. 2017, fully connected, as later tables quote them.
        ReferenceResult(100, 0.0106, "ladder network"),
        ReferenceResult(100, 0.0136, "virtual adversarial"),
        # Tables of later papers quote these.
        ReferenceResult(1000, 0.0573, "EmbedNN"),
        ReferenceResult(1000, 0.0538, "TSVM"),
        ReferenceResult(1000, 0.0364, "tangent classifier"),
        ReferenceResult(1000, 0.0346, "pseudo-label"),
        ReferenceResult(1000, 0.0084, "ladder network"),
        # Hinton & Salakhutdinov 2006, notes; Vincent et al. 2010, Table 3.
        ReferenceResult(60000, 0.016, "backpropagation 2006"),
        ReferenceResult(60000, 0.0128, "stacked denoising 2010"),
        ReferenceResult(60000, 0.012, "pretrained 2006"),
        ReferenceResult(60000, 0.0057, "ladder network"),
    ),
}
"""By the dataset's name."""
