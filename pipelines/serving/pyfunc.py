"""A model as MLflow loads it, in this process or behind ``mlflow models serve``.

MLflow imports this module by name and hands it the model's folder, so that nothing is pickled. The
folder is a small ``artifacts/`` of its own: ``models/VARIANT`` or ``classifiers/CLASSIFIER``, and
of ``prepared/DATASET`` what a model in use needs.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from ae_lightning import redact
from ae_lightning.errors import UserError
from ae_lightning.inference.classifier_model import ClassifierModel
from ae_lightning.inference.documents import TextModel
from ae_lightning.inference.load import load
from ae_lightning.inference.model import Model
from pipelines.serving import guard

PARAMETER = "what"

Answer = Callable[[Any, Any], Any]
OF_VARIANTS: Mapping[str, Answer] = {
    "encode": lambda model, examples: model.encode(examples),
    "reconstruct": lambda model, examples: model.reconstruct(examples),
}
OF_CLASSIFIERS: Mapping[str, Answer] = {
    "probabilities": lambda model, examples: model.predict_proba(examples),
    "classes": lambda model, examples: model.predict(examples),
    "encode": lambda model, examples: model.encode(examples),
}


def answers(model: Model[Any, Any]) -> Mapping[str, Answer]:
    """Outputs that ``model`` offers by the parameter ``what``; the first is the default."""
    return OF_CLASSIFIERS if isinstance(model, ClassifierModel) else OF_VARIANTS


def default(model: Model[Any, Any]) -> str:
    """Name of the default output of ``model``."""
    return next(iter(answers(model)))


class BadInput(MlflowException):
    """Input that a model cannot take, told in one line; the server answers with HTTP 400.

    The server would put all that was sent before an error's message, so that stays as it is.
    """

    def __init__(self, line: str) -> None:
        self._line = line
        super().__init__(line, error_code=INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> str:
        """The line."""
        return self._line

    @message.setter
    def message(self, value: str) -> None:
        pass


class PyfuncModel:
    """A model with the method that MLflow calls."""

    def __init__(self, model: Model[Any, Any]) -> None:
        self.model = model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Codes ``(N, K)`` of examples, or another output.

        Args:
            data: Images ``(N, *shape)`` in [0, 1], or a table whose first column has texts.
            params: ``what``: one of the model's :func:`answers`.

        Raises:
            BadInput: the model cannot take the examples, or there is no such answer.
        """
        known = answers(self.model)
        what = (params or {}).get(PARAMETER, default(self.model))
        if what not in known:
            raise BadInput(f"params.{PARAMETER}: must be {' or '.join(known)}, found {what!r}")
        examples = data.iloc[:, 0].tolist() if isinstance(self.model, TextModel) else data
        try:
            return known[what](self.model, examples)
        except UserError as error:
            raise BadInput(str(error)) from error


def _load_pyfunc(path: str) -> PyfuncModel:
    """Load the folder ``path``; called by MLflow."""
    redact.install()
    guard.install()
    [model] = (model.parent for model in Path(path).glob("*/*/model.json"))
    return PyfuncModel(load(model.name, path, verify=False))
