"""Where runs go, by the address alone: no store is opened here."""

from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from pipelines.tracking import store


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_ARTIFACTS_DESTINATION", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:secret@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("postgresql+psycopg://me@db/mlflow", "postgresql+psycopg://db/mlflow"),
        ("https://me:sec%40ret@mlflow.example.org", "https://mlflow.example.org"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
    ],
)
def test_an_address_is_shown_without_its_password(
    monkeypatch: pytest.MonkeyPatch, address: str, shown: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store.shown() == shown
    assert "secret" not in store.run_address("1", "2")


def test_artifacts_of_a_database_without_a_server(
    monkeypatch: pytest.MonkeyPatch, checkout: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://db/mlflow")
    assert store.artifacts() == (checkout / "mlflow" / "artifacts").as_uri()
    monkeypatch.setenv("MLFLOW_ARTIFACTS_DESTINATION", "s3://bucket/folder")
    assert store.artifacts() == "s3://bucket/folder"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert store.artifacts() is None


@pytest.mark.parametrize("address", ["127.0.0.1:5000", "localhost:5000/", "mlflow", "db.lan/x"])
def test_an_address_without_its_beginning_is_refused_at_once(address: str) -> None:
    line = f"^MLFLOW_TRACKING_URI: must begin with http://, .* found '{address}'; correct it"
    with pytest.raises(UserError, match=line), store.opening(address):
        pass


@pytest.mark.parametrize("address", ["http://127.0.0.1:5000", "file:///tmp/runs", "databricks"])
def test_other_addresses_are_mlflows_to_judge(address: str) -> None:
    with store.opening(address):
        pass
