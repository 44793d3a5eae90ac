"""The command line in this process, on the variants of the tests of inference."""

import sys

import pytest

from pipelines.cli.main import main
from tests.inference.conftest import artifacts, images, texts  # noqa: F401


@pytest.fixture
def ae(monkeypatch, capsys):
    """Run the command line: its exit status, output and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ae", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return ended.value.code or 0, output, errors

    return run
