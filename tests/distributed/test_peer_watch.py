import os
import subprocess
import sys

from ae_lightning.distributed.peer_watch import Watch
from tests.conftest import PATIENCE

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
LEFT = """
import os, sys, time
from ae_lightning.distributed import peer_watch
peer_watch.POLL, peer_watch.GRACE = 0.02, 0.1
peer_watch.Watch([], os.getppid(), 3).start()
print("watching", flush=True)
time.sleep(600)
"""


def watched(*others):
    found = Watch(others, os.getppid(), len(others) + 1)
    found.start()
    return found


def start(*command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_who_has_gone_is_told(monkeypatch):
    monkeypatch.setattr("ae_lightning.distributed.peer_watch.POLL", 0.02)
    monkeypatch.setattr("ae_lightning.distributed.peer_watch.GRACE", PATIENCE)
    stays, goes, fails = start(*SLEEP), start(*SLEEP), start(sys.executable, "-c", "exit(3)")
    goes.kill()
    fails.wait()
    for others, expected in {
        (stays, goes): "rank 2 of 3: must stay until the end, but it was ended by SIGKILL (",
        (fails, stays): "rank 1 of 3: must stay until the end, but it ended with exit status 3;",
    }.items():
        watch = watched(*others)
        line = watch.why(patience=PATIENCE)
        watch.stop()
        assert line.startswith(expected)
        assert "\n" not in line
        assert "same command again" in line
    stays.kill()


def test_nothing_is_told_while_all_are_there_or_after_the_end(monkeypatch):
    monkeypatch.setattr("ae_lightning.distributed.peer_watch.POLL", 0.02)
    other = start(*SLEEP)
    watch = watched(other)
    assert watch.why(patience=0.2) == ""
    watch.stop()
    watch.join()
    other.kill()
    assert watch.why(patience=0.2) == ""


def test_who_is_left_without_its_first_process_ends_with_one_line():
    start_it = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]])"
    )
    first = start(sys.executable, "-c", f"{start_it}; time.sleep(600)", LEFT)
    assert first.stdout is not None
    assert first.stdout.readline() == "watching\n"
    first.kill()
    _, errors = first.communicate(
        timeout=PATIENCE
    )  # its pipes close when the one that is left ends
    assert errors.startswith("ae: rank 0 of 3: must stay until the end, but it has gone; run the ")
    assert len(errors.splitlines()) == 1
