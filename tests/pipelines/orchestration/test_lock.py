"""The lock of a flow, which a dead holder lets go of."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from pipelines.orchestration.lock import only_flow

ROOT = Path(__file__).parents[3]


def test_two_holders_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    code = (
        "import sys, time; from pathlib import Path\n"
        "from pipelines.orchestration.lock import only_flow\n"
        "with only_flow(Path.cwd()): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(UserError, match=f"pid {holder.pid}, since 2"), only_flow(tmp_path):
        pass
    holder.kill()  # a dead holder holds nothing
    holder.communicate()
    with only_flow(tmp_path), only_flow(tmp_path):
        assert json.loads((tmp_path / ".dvc/tmp/ae-flow.json").read_text())["pid"] == os.getpid()
