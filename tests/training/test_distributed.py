"""Trainings in several processes, for real: on the CPU, over gloo."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.conftest import PATIENCE

pytestmark = pytest.mark.slow

SCRIPT = str(Path(__file__).with_name("trainings.py"))
TORCHRUN = str(Path(sys.executable).with_name("torchrun"))
TOLERANCE = 1e-5
"""Of the greatest number: sums over processes are rounded in another order than sums in one."""

BOUND = PATIENCE
"""Seconds in which every process must be gone once one of them is."""

SPLIT = ("plain", "tied", "conv", "sequence", "views", "greedy")
"""Trainings whose weights may be split: by AdamW, derived once."""

SLURM = {
    "SLURM_JOB_NAME": "train",
    "SLURM_NTASKS": "2",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_NNODES": "1",
    "SLURM_NODEID": "0",
    "SLURM_STEP_ID": "0",
    "SLURM_NODELIST": "127.0.0.1",
}


def start(command: list[str], **variables: str) -> "subprocess.Popen[str]":
    ours = ("AE_", "SLURM_", "MASTER_", "TORCHELASTIC_")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    fixed = {"AE_ACCELERATOR": "cpu", "AE_PRECISION": "32-true", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        env=inherited | fixed | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def train(out: Path, *cases: str, **variables: str) -> str:
    """Run the script to its good end; what it printed."""
    out.mkdir(exist_ok=True)
    process = start([sys.executable, SCRIPT, str(out), *cases], **variables)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


def assert_same(out: Path, other: Path) -> None:
    """Whatever ``out`` stored is in ``other`` too, with the same numbers."""
    found, expected = (np.load(path / "done.npz") for path in (out, other))
    for name in found:
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(
            found[name], expected[name], rtol=0, atol=TOLERANCE * scale, err_msg=name
        )


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of every case."""
    out = tmp_path_factory.mktemp("trainings") / "one"
    assert "rank 0 of 1" in train(out, AE_DEVICES="1")
    return out


def test_two_processes_end_as_one_does(one: Path, tmp_path: Path) -> None:
    output = train(tmp_path / "two", AE_DEVICES="2")
    assert sorted(line for line in output.splitlines() if line.startswith("rank")) == [
        "rank 0 of 2 has 1 threads",
        "rank 1 of 2 has 1 threads",
    ]
    assert output.count("dense: epoch 1/3") == 1  # the first one alone speaks
    assert_same(tmp_path / "two", one)
    losses = np.load(one / "done.npz")["plain-losses"]
    assert losses[-1, 1] < 0.9 * losses[0, 1]  # what is the same has learnt something


def test_torchrun_starts_them(one: Path, tmp_path: Path) -> None:
    command = [TORCHRUN, "--nproc-per-node", "2", "--master-port", free_port(), SCRIPT]
    process = start([*command, str(tmp_path), "dense", "sequence"])
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "rank 1 of 2" in output
    assert_same(tmp_path, one)


def test_slurm_starts_them(one: Path, tmp_path: Path) -> None:
    place = SLURM | {"MASTER_PORT": free_port()}
    command = [sys.executable, SCRIPT, str(tmp_path), "dense"]
    tasks = [
        start(command, **place, SLURM_PROCID=str(rank), SLURM_LOCALID=str(rank))
        for rank in range(2)
    ]
    for task in tasks:
        _, errors = task.communicate()
        assert task.returncode == 0, errors
    assert_same(tmp_path, one)


def killed(out: Path, rank: int, devices: str, **variables: str) -> Iterator[str]:
    """Kill a rank of a training in its fourth epoch; lines of stderr once all are gone."""
    out.mkdir(exist_ok=True)
    options = {"AE_DEVICES": devices, "AE_TEST_DIES": f"{rank},3,{signal.SIGKILL:d}", **variables}
    process = start([sys.executable, SCRIPT, str(out), "plain"], **options)
    assert process.stdout is not None
    family: list[psutil.Process] = []
    for line in process.stdout:
        if "epoch 3/12" in line:
            family = [*psutil.Process(process.pid).children(recursive=True)]
            break
    assert len(family) == (0 if devices == "1" else int(devices))
    began = time.monotonic()
    _, errors = process.communicate()
    _, left = psutil.wait_procs(family, timeout=BOUND)
    assert not left
    assert time.monotonic() - began < BOUND
    assert process.returncode == (-9 if devices == "1" else 2)
    yield from errors.splitlines()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_others_and_one_process_goes_on(
    one: Path, tmp_path: Path, rank: int
) -> None:
    (line,) = killed(tmp_path, rank, "2")
    assert line.startswith(
        f"ae: rank {rank} of 2: must stay until the end, but it was ended by SIGKILL (memory"
    )
    assert "same command again" in line
    assert not (tmp_path / "plain.csv").exists()
    output = train(tmp_path, "plain", AE_DEVICES="1")
    assert "epoch 4/12" in output
    assert "epoch 3/12" not in output  # it went on, it did not begin again
    assert_same(tmp_path, one)
    assert not list((tmp_path / "resume").iterdir())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_survives_its_launcher(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, SCRIPT, str(tmp_path), "plain"]
    process = start(command, AE_DEVICES="2", AE_TEST_DIES=f"0,3,{signal.SIGSTOP:d}")
    assert process.stdout is not None
    next(line for line in process.stdout if "epoch 3/12" in line)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 2
    process.send_signal(number)
    _, errors = process.communicate()
    _, left = psutil.wait_procs(family, timeout=BOUND)
    assert not left
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    assert errors == ""


def test_two_machines_meet(one: Path, tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, str(tmp_path), "dense"]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "AE_NUM_NODES": "2"}
    machines = [start(command, AE_DEVICES="1", NODE_RANK=str(rank), **place) for rank in range(2)]
    for machine in machines:
        _, errors = machine.communicate()
        assert machine.returncode == 0, errors
    assert_same(tmp_path, one)


def test_two_processes_go_on_where_one_was_killed(one: Path, tmp_path: Path) -> None:
    assert list(killed(tmp_path, 0, "1")) == []
    assert "epoch 3/12" not in train(tmp_path, "plain", AE_DEVICES="2")
    assert_same(tmp_path, one)


def test_split_weights_end_as_whole_ones_do(one: Path, tmp_path: Path) -> None:
    train(tmp_path, *SPLIT, AE_DEVICES="2", AE_STRATEGY="fsdp")
    assert_same(tmp_path, one)


def test_a_split_training_goes_on_in_one_process_and_the_other_way_round(
    one: Path, tmp_path: Path
) -> None:
    for name, first, then in (("a", "2", "1"), ("b", "1", "2")):
        out = tmp_path / name
        list(killed(out, 0, first, AE_STRATEGY="fsdp"))
        assert "epoch 3/12" not in train(out, "plain", AE_DEVICES=then, AE_STRATEGY="fsdp")
        assert_same(out, one)


@pytest.mark.parametrize(
    ("case", "said"), [("muon", "train.optimizer adamw, found muon"), ("dense", "contractive")]
)
def test_what_cannot_be_split_gets_one_line(tmp_path: Path, case: str, said: str) -> None:
    command = [sys.executable, SCRIPT, str(tmp_path), case]
    process = start(command, AE_DEVICES="2", AE_STRATEGY="fsdp")
    _, errors = process.communicate()
    assert process.returncode == 2
    (line,) = errors.splitlines()
    assert line.startswith("ae: AE_STRATEGY: fsdp ")
    assert said in line
