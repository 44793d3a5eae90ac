import gzip
import hashlib
import io
import json
import pickle
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from ae_lightning.data.sources import download, normalize, sources


def nothing(done, total):
    pass


def test_a_row_of_a_sprite_is_an_image_line_by_line(tmp_path):
    # Two images of 2 lines and 3 columns: pixel k is (k, k, 0) in one, (9, 0, k) in the other.
    rows = np.array([[(k, k, 0) for k in range(6)], [(9, 0, k) for k in range(6)]], dtype=np.uint8)
    Image.fromarray(rows).save(tmp_path / "s.png")
    images = normalize.sprite_images(tmp_path / "s.png", height=2, width=3)
    assert images.shape == (2, 2, 3, 3)
    assert images[0, :, :, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert images[1, 1, 0].tolist() == [9, 0, 3]


@pytest.mark.parametrize(("mode", "width"), [("L", 6), ("RGBA", 6), ("RGB", 5)])
def test_other_pictures_are_refused(tmp_path, mode, width):
    Image.new(mode, (width, 2)).save(tmp_path / "s.png")
    with pytest.raises(
        ValueError, match=f"expected RGB, 6 pixels wide; found {mode}, {width} wide"
    ):
        normalize.sprite_images(tmp_path / "s.png", height=2, width=3)


def test_cifar10_package(tmp_path):
    for number, name in enumerate([f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]):
        Image.new("RGB", (1024, 2), (number, 0, 0)).save(tmp_path / f"{name}.png")
    (tmp_path / "train_lables.json").write_text(json.dumps(list(range(10))))
    (tmp_path / "test_lables.json").write_text("[3, 8]")
    sources.cifar10_from_npm(tmp_path)
    images = np.load(tmp_path / "train_images.npy")
    assert images.shape == (10, 32, 32, 3)
    assert images[:, 7, 7, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    labels = np.load(tmp_path / "test_labels.npy")
    assert labels.tolist() == [3, 8]
    assert labels.dtype == np.uint8


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("26-FEB-1987 15:01:01.79", "1987-02-26T15:01:01.790"),
        (" 9-APR-1987 09:00:00.5", "1987-04-09T09:00:00.500"),
        ("2-JUN-1987  00:00:00.00", "1987-06-02T00:00:00.000"),
        ("19-OCT-1987 12:30:59.01\x05\x05\x05F f", "1987-10-19T12:30:59.010"),
        ("31-MAR-1987 605:12:19.12", "1987-03-31T05:12:19.120"),
        ("9-APR-1987 00:00:00.00    # date added as guesswork", "1987-04-09T00:00:00.000"),
    ],
)
def test_dates(text, iso):
    assert normalize.iso_date(text) == iso


@pytest.mark.parametrize("text", ["", "1987-04-09", "26-FEV-1987 15:01:01", "31-FEB-1987 15:01:01"])
def test_no_date(text):
    with pytest.raises(ValueError, match=r"."):
        normalize.iso_date(text)


def test_reuters_package(tmp_path):
    full = tmp_path / "data" / "full"
    full.mkdir(parents=True)
    date = "26-FEB-1987 15:01:01.79"
    late = {"id": "10", "date": date, "title": "café\n", "body": "A\x1bB\n Reuter\n\x03"}
    early = {"id": "9", "date": date, "topics": ["earn", "acq"], "places": ["usa"], "people": []}
    (full / "reuters-000.json").write_text(json.dumps([late]))
    (full / "reuters-001.json").write_text(json.dumps([early]))
    sources.reuters_from_npm(tmp_path)
    assert (tmp_path / "documents.jsonl").read_text("utf-8") == (
        '{"id":9,"date":"1987-02-26T15:01:01.790","title":"","body":"",'
        '"topics":["earn","acq"],"places":["usa"]}\n'
        '{"id":10,"date":"1987-02-26T15:01:01.790","title":"café","body":"A B\\n Reuter",'
        '"topics":[],"places":[]}\n'
    )


def test_article_without_a_number(tmp_path):
    with pytest.raises(KeyError, match="id"):
        normalize.write_documents(tmp_path / "d.jsonl", [{"title": "x"}])


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder and the address of a server on this machine that gives its files."""
    monkeypatch.setattr(download, "PAUSE_S", 0)
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.slow  # imports torchvision
def test_mnist_upstream_goes_on_to_the_mirror_that_works(served, tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    folder, address = served
    content = gzip.compress(b"four files", mtime=0)
    for name, _ in MNIST.resources:
        (folder / name).write_bytes(content)
    md5 = hashlib.md5(content).hexdigest()
    monkeypatch.setattr(MNIST, "resources", [(name, md5) for name, _ in MNIST.resources])
    monkeypatch.setattr(MNIST, "mirrors", [f"{address}nowhere/", address])
    filled = sources.mnist_upstream(tmp_path, nothing)
    for name in ("train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        assert (filled / name).read_bytes() == b"four files"


@pytest.mark.slow  # imports torchvision
def test_cifar10_upstream(served, tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    folder, address = served

    def batch(label):
        # The publisher's layout: a row is 1,024 reds, 1,024 greens, 1,024 blues.
        row = np.repeat(np.array([label, 20, 30], dtype=np.uint8), 1024)
        return pickle.dumps({"data": row[None], "labels": [label]})

    members = {"one": batch(1), "two": batch(2), "test": batch(7)}
    members["meta"] = pickle.dumps({"label_names": list("0123456789")})
    with tarfile.open(folder / "cifar.tar.gz", "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"{CIFAR10.base_folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    listed = [[name, hashlib.md5(content).hexdigest()] for name, content in members.items()]
    archive = hashlib.md5((folder / "cifar.tar.gz").read_bytes()).hexdigest()
    for name, value in {
        "url": f"{address}cifar.tar.gz",
        "filename": "cifar.tar.gz",
        "tgz_md5": archive,
        "train_list": listed[:2],
        "test_list": listed[2:3],
        "meta": {"filename": "meta", "key": "label_names", "md5": listed[3][1]},
    }.items():
        monkeypatch.setattr(CIFAR10, name, value)
    filled = sources.cifar10_upstream(tmp_path, nothing)
    images = np.load(filled / "train_images.npy")
    assert images.shape == (2, 32, 32, 3)
    assert images[:, 5, 6].tolist() == [[1, 20, 30], [2, 20, 30]]
    assert np.load(filled / "train_labels.npy").tolist() == [1, 2]
    assert np.load(filled / "test_labels.npy").tolist() == [7]
