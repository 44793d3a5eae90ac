"""GPUs handed out to stages: fake names, real threads and processes."""

import itertools
import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from ae_lightning.subprocesses import Group
from pipelines.orchestration import gpus
from pipelines.orchestration.gpus import NONE, VISIBLE, Devices, Pool
from tests.conftest import PATIENCE, wait_for
from tests.pipelines.conftest import run_flow, sleepers

# As nvidia-smi 580 prints them; the second machine's first GPU is cut into two parts.
WHOLE = """GPU 0: NVIDIA H200 (UUID: GPU-0a)
GPU 1: NVIDIA H200 (UUID: GPU-1b)
"""
CUT = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-0a)
  MIG 3g.20gb     Device  0: (UUID: MIG-c1)
  MIG 3g.20gb     Device  1: (UUID: MIG-c2)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-1b)
"""
STAGES = ("prepare@a", "pretrain@a", "pretrain@b", "finetune@a", "report")


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AE_GPUS", "AE_WIDE", "AE_DEVICES", "AE_ACCELERATOR", VISIBLE):
        monkeypatch.delenv(variable, raising=False)


def wanted() -> bool:
    return False


@pytest.mark.parametrize(
    ("listing", "names"),
    [
        (WHOLE, ("GPU-0a", "GPU-1b")),
        (CUT, ("MIG-c1", "MIG-c2", "GPU-1b")),
        ("No devices found.\n", ()),
        ("", ()),
    ],
)
def test_a_gpu_in_parts_is_its_parts(listing: str, names: tuple[str, ...]) -> None:
    assert gpus.parse(listing) == names


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({VISIBLE: "2,0"}, ("2", "0")),
        ({VISIBLE: "MIG-c1, GPU-1b"}, ("MIG-c1", "GPU-1b")),
        ({VISIBLE: "1,-1,0"}, ("1",)),  # CUDA sees what stands before the first -1
        ({VISIBLE: ""}, ()),
        ({VISIBLE: "0", "AE_GPUS": "4,5,6"}, ("4", "5", "6")),
        ({VISIBLE: "0", "AE_GPUS": ""}, ()),
        ({VISIBLE: "0", "AE_ACCELERATOR": "cpu"}, ()),
        ({}, ("GPU-0a", "GPU-1b")),
    ],
)
def test_which_devices_there_are(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    names: tuple[str, ...],
) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\ntest $1 = -L && cat <<end\n{WHOLE}end\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert gpus.of_this_machine(STAGES).pool.devices == names


def test_a_machine_without_a_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = gpus.of_this_machine(STAGES)
    assert found.pool.devices == ()
    assert 1 <= found.workers <= 4
    with found.lent_to("pretrain@a", wanted) as environment:
        assert environment == {}


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("AE_GPUS", "0,1,0", "each GPU once"),
        ("AE_DEVICES", "3", "of the 2 GPUs.*'3'"),
        ("AE_DEVICES", "0,1", "AE_GPUS"),
        ("AE_WIDE", "pretrain@a,finetune@c", "finetune@c.*dvc stage list"),
    ],
)
def test_slips_are_told(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv("AE_GPUS", "0,1")
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=f"{variable}: .*{told}"):
        gpus.of_this_machine(STAGES)


@pytest.mark.parametrize(
    ("each", "counts"), [("auto", [0, 1, 4, 4, 0]), ("2", [0, 2, 4, 4, 0]), ("-1", [0, 4, 4, 4, 0])]
)
def test_how_many_a_stage_gets(
    monkeypatch: pytest.MonkeyPatch, each: str, counts: list[int]
) -> None:
    monkeypatch.setenv("AE_GPUS", "0,1,2,3")
    monkeypatch.setenv("AE_DEVICES", each)
    monkeypatch.setenv("AE_WIDE", "pretrain@b, finetune")
    found = gpus.of_this_machine(STAGES)
    assert [found.wanted(stage) for stage in STAGES] == counts
    assert found.workers == 4


def test_a_stage_sees_its_devices_and_no_other() -> None:
    shared = Devices(Pool(["a", "b"]), wide=frozenset({"finetune@x"}))
    with shared.lent_to("pretrain@x", wanted) as one, shared.lent_to("pretrain@y", wanted) as other:
        assert one == {VISIBLE: "a", "AE_DEVICES": "1"}
        assert other == {VISIBLE: "b", "AE_DEVICES": "1"}
        with shared.lent_to("report", wanted) as none:  # it waits for nobody
            assert none == {VISIBLE: ""}
    with shared.lent_to("finetune@x", wanted) as both:
        assert sorted(both[VISIBLE].split(",")) == ["a", "b"]
        assert both["AE_DEVICES"] == "2"


@pytest.mark.parametrize("seed", range(3))
def test_many_borrowers_never_share_and_all_have_their_turn(seed: int) -> None:
    names = [f"gpu-{i}" for i in range(4)]
    pool, used, guard, clashes = Pool(names), set[str](), threading.Lock(), list[set[str]]()

    def borrow(count: int) -> int:
        with pool.lend(count, wanted) as lent:
            with guard:
                clashes.append(used & set(lent))
                used.update(lent)
            time.sleep(0.001)
            with guard:
                used.difference_update(lent)
            if count == 2:
                raise ValueError  # a stage that fails gives back as well
            return len(set(lent))

    dice = random.Random(seed)
    counts = [dice.choice([0, 1, 1, 2, 4]) for _ in range(80)]
    with ThreadPoolExecutor(16) as threads:
        futures = [threads.submit(borrow, count) for count in counts]
    for count, future in zip(counts, futures, strict=True):
        failed = isinstance(future.exception(20), ValueError)
        assert failed if count == 2 else future.result() == count
    assert not any(clashes)
    with pool.lend(len(names), wanted) as lent:
        assert sorted(lent) == names


def waiting(pool: Pool) -> int:
    return len(pool._queue)


def test_first_come_first_served_even_if_it_wants_all() -> None:
    pool, order = Pool(["a", "b"]), list[str]()

    def borrow(name: str, count: int) -> None:
        with pool.lend(count, wanted):
            order.append(name)

    with ThreadPoolExecutor(3) as threads, pool.lend(1, wanted):  # one is free all the time
        for place, (name, count) in enumerate({"wide": 2, "late": 1, "later": 1}.items()):
            threads.submit(borrow, name, count)
            wait_for(lambda place=place: waiting(pool) == place + 1)  # type: ignore[misc]
        assert order == []
    assert order[0] == "wide"
    assert sorted(order[1:]) == ["late", "later"]


def test_who_gives_up_gets_none_and_holds_up_nobody() -> None:
    pool, cancelled = Pool(["a"]), threading.Event()
    with ThreadPoolExecutor(2) as threads, pool.lend(1, wanted):
        gone = threads.submit(lambda: _taken(pool, cancelled.is_set))
        wait_for(lambda: waiting(pool) == 1)
        last = threads.submit(lambda: _taken(pool, wanted))
        wait_for(lambda: waiting(pool) == 2)
        cancelled.set()
        assert gone.result(PATIENCE) == ()
        assert not last.done()
    assert last.result(PATIENCE) == ("a",)


def _taken(pool: Pool, given_up: Callable[[], bool]) -> tuple[str, ...]:
    with pool.lend(1, given_up) as lent:
        return lent


def test_a_cancelled_flow_ends_who_has_a_device_and_who_waits_for_one() -> None:
    shared, group = Devices(Pool(["a"])), Group(grace=0.5)

    def stage(name: str) -> str:
        with shared.lent_to(name, lambda: group.cancelled) as own:
            environment = {**os.environ, **own}
            return group.run(["sleep", "98765.7"], print, cwd=Path(), env=environment).by

    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(stage, f"pretrain@{name}") for name in "xy"]
        wait_for(lambda: sleepers("98765.7") and waiting(shared.pool) == 1)
        group.end()
        assert [end.result(PATIENCE) for end in ends] == ["cancel", "cancel"]
    wait_for(lambda: not sleepers("98765.7"))
    with shared.pool.lend(1, wanted) as lent:
        assert lent == ("a",)


def test_none_is_a_pool_without_devices() -> None:
    with NONE.lent_to("finetune@a", wanted) as environment:
        assert environment == {}


SHARED = """
stages:
  prepare:
    foreach: [a]
    do: {cmd: 'mkdir -p out; echo "$CUDA_VISIBLE_DEVICES" > out/${item}', outs: ["out/${item}"]}
  pretrain:
    foreach: [b, c]
    do:
      cmd: >-
        date +%s.%N > seen-${item}; echo "$CUDA_VISIBLE_DEVICES $AE_DEVICES" >> seen-${item};
        sleep 1; date +%s.%N >> seen-${item}; test ${item} != c
      deps: [out/a]
      outs: ["seen-${item}"]
  repeat:
    foreach: [d]
    do:
      cmd: >-
        date +%s.%N > seen-${item}; echo "$CUDA_VISIBLE_DEVICES $AE_DEVICES" >> seen-${item};
        sleep 1; date +%s.%N >> seen-${item}
      deps: [out/a]
      outs: ["seen-${item}"]
"""


@pytest.mark.slow
def test_stages_of_a_flow_share_two_gpus(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three workers, two GPUs: d is last and takes both, though c has failed on one of them."""
    monkeypatch.setenv("AE_GPUS", "GPU-0a,GPU-1b")
    monkeypatch.setenv("AE_WIDE", "repeat@d")
    (toy / "dvc.yaml").write_text(SHARED)
    code, output = run_flow(toy)
    assert code == 1, output
    assert (toy / "out" / "a").exists(), output
    assert (toy / "out" / "a").read_text() == "\n"  # preparing needs none, and sees none
    uses = []
    for item, count in {"b": 1, "c": 1, "d": 2}.items():
        begin, variables, end = (toy / f"seen-{item}").read_text().splitlines()
        visible, told = variables.split()
        names = visible.split(",")
        assert len(set(names)) == count
        assert told == str(count)
        uses += [(name, float(begin), float(end)) for name in names]
    assert {name for name, _, _ in uses} == {"GPU-0a", "GPU-1b"}
    for (one, _, end), (other, later, _) in itertools.combinations(sorted(uses), 2):
        assert one != other or end <= later, uses
    assert "pretrain@b | on GPU GPU-" in output
