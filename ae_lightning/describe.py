"""Kind of a variant or a classifier in a few words, derived from ``params.yaml``."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ae_lightning.config.classifiers import Classifier, Start
from ae_lightning.config.datasets import Documents
from ae_lightning.config.layers import Layer
from ae_lightning.config.params import Params
from ae_lightning.config.variants import SOLVED, Variant

WEIGHTS = {
    "binary": "words, 0 or 1",
    "counts": "word counts",
    "log-counts": "words, log counts",
    "tfidf": "words, tf-idf",
}

UNPOOLING = {"switches": "switches", "repeat": "repeats", "transposed": "deconvolution"}

STARTS: dict[Start, str] = {
    "pretrained": "pretrained",
    "random": "from random weights",
    "frozen": "frozen layers",
}


class Description(NamedTuple):
    """A variant, the layers below it, and whether it takes documents."""

    variant: Variant
    layers: Sequence[Layer]
    documents: bool

    @property
    def learns(self) -> bool:
        """Whether it is an autoencoder of layers, trained step by step."""
        return self.variant.kind == "autoencoder"

    @property
    def linear(self) -> bool:
        """Whether it is a single layer with linear activations."""
        variant = self.variant
        bends = {variant.output, variant.code_activation} - {"linear"}
        return self.learns and not self.layers and len(variant.sizes) == 1 and not bends


def _kinds(of: Description) -> set[str]:
    return {of.variant.layer, *(layer.kind for layer in of.layers)}


TRAITS: tuple[tuple[str, Callable[[Description], object]], ...] = (
    ("PCA", lambda of: of.variant.kind == "pca"),
    ("LSA", lambda of: of.variant.kind == "lsa"),
    ("no code", lambda of: of.variant.kind == "vectors"),
    ("sequence to sequence", lambda of: of.variant.kind == "sequence"),
    ("linear", lambda of: of.linear),
    ("Boltzmann machines", lambda of: "rbm" in _kinds(of)),
    ("tied weights", lambda of: "tied" in _kinds(of)),
    ("convolutional", lambda of: "conv" in _kinds(of)),
    ("pretrained, fine-tuned", lambda of: of.layers),
    ("from random weights", lambda of: of.learns and not of.layers),
    ("denoising", lambda of: of.variant.corruption and not of.documents),
    ("words left out", lambda of: of.variant.corruption and of.documents),
    ("contractive", lambda of: of.variant.contractive),
    ("L1 on the code", lambda of: of.variant.l1),
    ("L2 on the code", lambda of: of.variant.l2),
    ("moved copies", lambda of: of.variant.views),
    ("copies that agree", lambda of: of.variant.views and of.variant.views.agreement),
    ("neighbours' words", lambda of: of.variant.neighbours),
    ("bits", lambda of: of.variant.code_activation == "binary"),
)


def kind_of(name: str, params: Params) -> str:
    """A variant in words, such as ``convolutional (repeats), pretrained, fine-tuned``."""
    variant = params.variants[name]
    layers = [params.layers[layer] for layer in params.chain(variant.input)]
    documents = isinstance(params.datasets[variant.data], Documents)
    return ", ".join(_words(Description(variant, layers, documents)))


def _words(of: Description) -> Iterator[str]:
    ways = {UNPOOLING[layer.unpooling] for layer in of.layers if layer.kind == "conv"}
    for words, has in TRAITS:
        if has(of):
            yield words + (f" ({', '.join(sorted(ways))})" if words == "convolutional" else "")
    lowest = of.layers[0] if of.layers else of.variant
    if lowest.weights:
        yield WEIGHTS[lowest.weights]
    if lowest.whiten:
        yield "whitened"
    if of.variant.kind not in SOLVED:
        epochs = of.variant.train.epochs
        yield f"{epochs} epoch{'' if epochs == 1 else 's'}"


def classifier_kind(classifier: Classifier, start: Start, params: Params) -> str:
    """A start of a classifier in words."""
    layers = [params.layers[layer] for layer in params.chain(classifier.input)]
    words = ["classifier", STARTS[start]]
    if start != "random" and any(layer.corruption for layer in layers):
        words.append("denoising layers")
    if classifier.unlabelled:
        words.append("unlabelled images teach, too")
    return ", ".join(words)
