import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ae_lightning.data.parallel import workers
from ae_lightning.errors import UserError
from tests.conftest import PATIENCE

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_order_and_errors_as_they_are(count):
    with workers(count) as map_:
        assert list(map_(abs, range(-40, 0))) == list(range(40, 0, -1))
        assert list(map_(abs, [])) == []
    with pytest.raises(TypeError), workers(count) as map_:
        list(map_(abs, [1, "a", 2]))


def test_items_are_not_taken_far_ahead():
    """So neither they nor results pile up, however slow the one who takes the results is."""
    taken = 0

    def items():
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    with workers(2) as map_:
        for done, _ in enumerate(map_(abs, items()), 1):
            assert taken <= done + 4


def test_a_killed_worker_gets_one_line():
    with pytest.raises(UserError, match="was killed") as caught, workers(2) as map_:
        list(map_(os._exit, [1, 1, 1]))
    assert "\n" not in str(caught.value)


LONG = """
import time
from ae_lightning.data.parallel import workers
if __name__ == "__main__":
    with workers(2) as map_:
        for _ in map_(time.sleep, [0, 0, 600, 600]):
            print("working", flush=True)
"""


@pytest.mark.slow  # starts an interpreter that starts two
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_do_not_outlive_a_killed_parent(tmp_path, number):
    (tmp_path / "long.py").write_text(LONG)
    command = [sys.executable, tmp_path / "long.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.send_signal(number)
        end = time.monotonic() + PATIENCE
        while any(map(psutil.Process.is_running, children)) and time.monotonic() < end:
            time.sleep(0.05)
        left = [child for child in children if child.is_running()]
        for child in left:
            child.kill()
    assert left == []
