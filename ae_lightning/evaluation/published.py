"""Published errors of classifiers with few labels, to stand beside ours; quoted, not run again."""

from typing import NamedTuple


class Figure(NamedTuple):
    """A share of wrong answers with a number of labels, by whom."""

    labels: int
    error: float
    system: str


PUBLISHED: dict[str, tuple[Figure, ...]] = {
    "mnist": (
        # Rasmus et al. 2015 and Miyato et al. 2017, fully connected, as later tables quote them.
        Figure(100, 0.0106, "ladder network"),
        Figure(100, 0.0136, "virtual adversarial"),
        # Tables of later papers quote these.
        Figure(1000, 0.0573, "EmbedNN"),
        Figure(1000, 0.0538, "TSVM"),
        Figure(1000, 0.0364, "tangent classifier"),
        Figure(1000, 0.0346, "pseudo-label"),
        Figure(1000, 0.0084, "ladder network"),
        # Hinton & Salakhutdinov 2006, notes; Vincent et al. 2010, Table 3.
        Figure(60000, 0.016, "backpropagation 2006"),
        Figure(60000, 0.0128, "stacked denoising 2010"),
        Figure(60000, 0.012, "pretrained 2006"),
        Figure(60000, 0.0057, "ladder network"),
    ),
}
"""By the dataset's name."""
