"""A variant as MLflow loads it, in this process or behind ``mlflow models serve``.

MLflow imports this module by name and hands it the model's folder, so that nothing is pickled. The
folder is a small ``artifacts/`` of its own: ``models/VARIANT``, and of ``prepared/DATASET`` what a
model in use needs.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from ae_lightning.errors import UserError
from ae_lightning.use.documents import TextModel
from ae_lightning.use.load import load
from ae_lightning.use.model import Model

PARAMETER, DEFAULT = "what", "encode"
ANSWERS: Mapping[str, Callable[[Model[Any, Any], Any], Any]] = {
    "encode": lambda model, examples: model.encode(examples),
    "reconstruct": lambda model, examples: model.reconstruct(examples),
}
"""What can be asked for by the parameter ``what``."""


class BadInput(MlflowException):
    """What a person sent and a model cannot take, in one line; the server answers with HTTP 400.

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


class Served:
    """A variant with the method that MLflow calls."""

    def __init__(self, model: Model[Any, Any]) -> None:
        self.model = model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Codes ``(N, K)`` of examples, or their reconstructions.

        Args:
            data: Images ``(N, *shape)`` in [0, 1], or a table whose first column has texts.
            params: ``what``: a key of ``ANSWERS``.

        Raises:
            BadInput: the model cannot take the examples, or there is no such answer.
        """
        what = (params or {}).get(PARAMETER, DEFAULT)
        if what not in ANSWERS:
            raise BadInput(f"params.{PARAMETER}: must be {' or '.join(ANSWERS)}, found {what!r}")
        examples = data.iloc[:, 0].tolist() if isinstance(self.model, TextModel) else data
        try:
            return ANSWERS[what](self.model, examples)
        except UserError as error:
            raise BadInput(str(error)) from error


def _load_pyfunc(path: str) -> Served:
    """What MLflow calls to load the folder ``path``."""
    [model] = (Path(path) / "models").iterdir()
    return Served(load(model.name, path, verify=False))
