"""A served model: what a client sends wrongly is a 4xx with one line, and memory comes back."""

import json
import sys
from types import ModuleType

import mlflow.pyfunc
import numpy as np
import psutil
import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from mlflow.pyfunc import scoring_server

from ae_lightning import load
from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.training.closed_form import pca_stack
from pipelines.serving import guard, registry
from pipelines.serving.package import bundle

JSON = {"Content-Type": "application/json"}
IMAGE = np.full((1, 8, 8), 0.5).tolist()
ODD = {"inputs": IMAGE, "params": {"what": "x"}}
REFUSED = {
    "nothing": (b"", JSON, 400),
    "broken JSON": (b'{"inputs": [[', JSON, 400),
    "no UTF-8": (b"\xff\xfe", JSON, 400),
    "a list": (b"[1]", JSON, 400),
    "null": (b"null", JSON, 400),
    "deep nesting": (b"[" * 100_000, JSON, 400),
    "deep nesting of inputs": (b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, 400),
    "nested objects": (b'{"inputs": [' * 300 + b"1" + b"]}" * 300, JSON, 400),
    "no content type": (json.dumps({"inputs": IMAGE}).encode(), {}, 415),
    "another content type": (b"x", {"Content-Type": "text/plain"}, 415),
    "an odd content type": (b"x", {"Content-Type": "application/json; charset=x"}, 415),
    "a number that is too great": (b'{"inputs": [[1e999]]}', JSON, 400),
    "images of infinity": (json.dumps({"inputs": [[[1e999] * 8] * 8]}).encode(), JSON, 400),
    "images of NaN": (json.dumps({"inputs": [[[float("nan")] * 8] * 8]}).encode(), JSON, 400),
    "a number of 5,000 digits": (b'{"inputs": [[' + b"9" * 5000 + b"]]}", JSON, 400),
    "a number of 400 digits": (b'{"inputs": [[[' + b"9" * 400 + b"]]]}", JSON, 400),
    "images of another size": (json.dumps({"inputs": [[[0.5] * 9] * 9]}).encode(), JSON, 400),
    "ragged images": (b'{"inputs": [[[1, 2], [3]]]}', JSON, 400),
    "words": (b'{"inputs": "<script>"}', JSON, 400),
    "unknown fields": (b'{"examples": []}', JSON, 400),
    "parameters that are none": (json.dumps({"inputs": IMAGE, "params": 7}).encode(), JSON, 400),
    "an unknown answer": (json.dumps(ODD).encode(), JSON, 400),
    "too large": (b" " * (3 << 20), JSON, 413),
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A client of MLflow's own application, guarded as in ``mlflow models serve``."""
    from tests.conftest import prepared_bars

    root = tmp_path_factory.mktemp("served")
    data = prepared_bars(root / "artifacts/prepared/tiny")
    checkpoint.save(pca_stack(data, 5), root / "artifacts/models/pca-5", "tiny")
    with bundle(root / "artifacts/models/pca-5") as folder:
        model = load("pca-5", folder, verify=False)
        registry._save(model, folder, root / "model", mlflow.models.Model())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(guard.LIMIT, "2")
        patch.setitem(sys.modules, f"{guard.SERVER}.app", ModuleType("app"))
        patch.setattr(scoring_server, "invocations", scoring_server.invocations)
        patch.setattr(Request, "body", Request.body)
        with TestClient(scoring_server.init(mlflow.pyfunc.load_model(str(root / "model")))) as one:
            yield one


def test_what_is_right_is_answered(served):
    answer = served.post("/invocations", content=json.dumps({"inputs": IMAGE}), headers=JSON)
    assert answer.status_code == 200
    assert np.shape(answer.json()["predictions"]) == (1, 5)


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_told_in_a_line(served, what):
    body, headers, status = REFUSED[what]
    answer = served.post("/invocations", content=body, headers=headers)
    assert answer.status_code == status
    assert len(answer.text) < 2500
    try:
        said = answer.json()
    except ValueError:  # MLflow's own lines on content types
        said = {"message": answer.text}
    line = said.get("message") or said["detail"]
    assert line.isprintable()
    assert "Traceback" not in answer.text
    assert "stack_trace" not in said


def test_a_body_in_parts_is_bounded_as_well(served):
    parts = (b" " * (1 << 20) for _ in range(5))
    assert served.post("/invocations", content=parts, headers=JSON).status_code == 413


def test_memory_comes_back(served):
    """After requests of two megabytes, each of which takes many times that."""
    own = psutil.Process()
    large = b'{"inputs": [' + b"[]," * 600_000 + b"[]]}"
    assert served.post("/invocations", content=large, headers=JSON).status_code == 400
    before = own.memory_info().rss
    for _ in range(3):
        served.post("/invocations", content=large, headers=JSON)
    assert own.memory_info().rss < 1.5 * before


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "9" * 30, "٣"])
def test_the_limit_is_a_number(monkeypatch, text):
    monkeypatch.setenv(guard.LIMIT, text)
    with pytest.raises(UserError, match="AE_SERVED_MB: must be a whole number of megabytes, found"):
        guard.limit()


def test_elsewhere_nothing_is_changed(monkeypatch):
    monkeypatch.delitem(sys.modules, f"{guard.SERVER}.app", raising=False)
    before = Request.body, scoring_server.invocations
    guard.install()
    assert (Request.body, scoring_server.invocations) == before
