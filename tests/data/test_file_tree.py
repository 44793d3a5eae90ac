"""Files below a folder through links, against a walk of real paths."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ae_lightning.data.file_tree import file_tree, printable


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file")


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


# Links by their path, where they lead, and what is found beside in/own/1 and in/own/2.
LINKS = {
    "a folder outside": ({"in/more": "../pool"}, ["more/3", "more/deep/4"]),
    "below a folder": ({"in/own/more": "../../pool/deep"}, ["own/more/4"]),
    "a chain of links": ({"in/more": "../step", "step": "pool"}, ["more/3", "more/deep/4"]),
    "a file": ({"in/five": "../pool/3"}, ["five"]),
    "a chain to a file": ({"in/five": "six", "in/six": "../pool/3"}, ["five", "six"]),
    "hidden": ({"in/.more": "../pool", "in/@eaDir": "../pool"}, []),
    "itself": ({"in/self": "."}, []),
    "up": ({"in/own/up": ".."}, []),
    "up and out": ({"in/own/up": "../.."}, []),
    "up behind a link": ({"in/more": "../pool", "pool/up": "."}, ["more/3", "more/deep/4"]),
    "each other": ({"in/own/b": "../b", "in/b/own": "../own", "in/b/5": "../../pool/3"}, ["b/5"]),
}


@pytest.mark.parametrize(("links", "found"), LINKS.values(), ids=LINKS)
def test_links_are_followed_and_circles_end(tmp_path, links, found):
    for path in ("in/own/1", "in/own/2", "pool/3", "pool/deep/4"):
        write(tmp_path / path)
    for path, target in links.items():
        link(tmp_path / path, target)
    tree = file_tree(tmp_path / "in")
    assert tree.files == sorted(["own/1", "own/2", *found])
    assert not tree.left_out


def test_a_folder_with_two_names_is_taken_once_and_told(tmp_path):
    write(tmp_path / "in/own/1")
    write(tmp_path / "pool/3")
    for name, target in {"a": "own", "b": "../pool", "c": "../pool"}.items():
        link(tmp_path / "in" / name, target)
    tree = file_tree(tmp_path / "in")
    assert tree.files == ["b/3", "own/1"]
    assert tree.again == {
        "a": "leads to own, which is taken once",
        "c": "leads to b, which is taken once",
    }


def test_what_is_no_file_is_left_out_with_the_reason(tmp_path, monkeypatch):
    write(tmp_path / "file")
    link(tmp_path / "gone.png", "/nowhere/gone.png")
    link(tmp_path / "circle", "circle")
    link(tmp_path / "device", "/dev/null")
    link(tmp_path / "through a file", "file/more")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        tree = file_tree(tmp_path)
    assert tree.files == ["file"]
    assert tree.left_out == {
        "circle": "cannot be reached (Too many levels of symbolic links)",
        "device": "is neither a file nor a folder",
        "gone.png": "cannot be reached (No such file or directory)",
        "pipe": "is neither a file nor a folder",
        "socket": "is neither a file nor a folder",
        "through a file": "cannot be reached (Not a directory)",
    }


def test_a_folder_that_cannot_be_read_is_left_out(tmp_path, monkeypatch):
    """As root one may read all: here scandir itself refuses."""
    write(tmp_path / "open/1")
    write(tmp_path / "shut/2")
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    tree = file_tree(tmp_path)
    assert tree.files == ["open/1"]
    assert tree.left_out == {"shut": "is a folder that cannot be read (Permission denied)"}


@pytest.mark.parametrize(
    "helper", ["@eaDir", "__MACOSX", ".thumbnails", ".ipynb_checkpoints", "#recycle", "lost+found"]
)
def test_folders_of_systems_are_passed_over(tmp_path, helper):
    for path in ("cats/1", f"{helper}/1", f"cats/{helper}/1"):
        write(tmp_path / path)
    tree = file_tree(tmp_path)
    assert (tree.files, tree.folders) == (["cats/1"], ["", "cats"])


NAMES = st.binary(min_size=1, max_size=40).map(
    lambda name: os.fsdecode(name.translate(None, b"\0/").lstrip(b".@#$_")) or "x"
)


@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map(tuple), max_size=8), st.data())
def test_every_file_of_any_name_is_found_once(tmp_path_factory, paths, data):
    """And what is found is there, by a walk of the paths that were made."""
    root, made = tmp_path_factory.mktemp("tree"), set()
    for parts in paths:
        path = root.joinpath(*parts)
        try:
            write(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # one is a folder of the other
        made.add("/".join(parts))
    for number in range(data.draw(st.integers(0, 3)) if made else 0):
        target = root / data.draw(st.sampled_from(sorted(made)))
        link(root / f"link {number}", data.draw(st.sampled_from([target.parent, "away", ".."])))
    tree = file_tree(root)
    assert made <= set(tree.files)
    assert len({(root / file).resolve() for file in tree.files}) == len(tree.files)
    assert {*tree.files, *tree.left_out, *tree.again}.isdisjoint(tree.folders)
    assert len(tree.left_out) == sum(not path.exists() for path in root.glob("link *"))


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_a_printable_name_is_one_line_of_utf8(name):
    text = printable(os.fsdecode(name))
    assert len(text.encode().splitlines()) <= 1
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("name", ["cat", "Käfer 😀", "-rf *", " trailing ", "👨‍👩‍👧", r"a\b"])
def test_a_printable_name_is_itself(name):
    assert printable(name) == name
