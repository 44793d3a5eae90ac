import csv
import io
import json
from datetime import date

import pytest

from ae_lightning.config.datasets import Columns
from ae_lightning.data.text.readers import read
from ae_lightning.errors import UserError

PARTS = ("id", "title", "text", "date", "labels")


def parts(path, **columns):
    return [tuple(getattr(d, part) for part in PARTS) for d in read(path, Columns(**columns))]


def json_file(tmp_path, *rows, name="d.jsonl"):
    (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return tmp_path / name


def csv_file(tmp_path, *rows, name="d.csv"):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    (tmp_path / name).write_bytes(text.getvalue().encode())
    return tmp_path / name


def files(folder, **contents):
    for name, content in contents.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".txt").write_bytes(content)
    return folder


def test_json_lines(tmp_path):
    path = json_file(
        tmp_path,
        {"id": 7, "title": "Oil", "body": "naïve\n“up”", "date": "1987-04-07T23:59:59.5"},
        {"id": "b", "body": "", "labels": ["crude", " gas ", "crude", ""], "more": 1},
        {"body": "x", "labels": "wheat", "date": "", "title": None, "id": None},
        name="D.JSONL",
    )
    assert parts(path) == [
        ("7", "Oil", "Oil\nnaïve\n“up”", date(1987, 4, 7), ()),
        ("b", "", "\n", None, ("crude", "gas")),
        ("3", "", "\nx", None, ("wheat",)),
    ]
    assert [d.place for d in read(path, Columns())] == [f"{path}: line {n}" for n in (1, 2, 3)]


def test_csv_with_all_that_a_cell_may_hold(tmp_path):
    path = csv_file(
        tmp_path,
        ["name", "text ", "when", "topics"],
        ["a", 'one, "two"\nthree\r\n\nfour', "1987-04-07", "x|y, z| "],
        [],
        ["", "long " * 50_000, "", ""],
    )
    columns = {"id": "name", "text": "text", "date": "when", "labels": "topics", "separator": "|"}
    first, second = parts(path, **columns)
    assert first == ("a", "", '\none, "two"\nthree\r\n\nfour', date(1987, 4, 7), ("x", "y, z"))
    assert second == ("7", "", "\n" + "long " * 50_000, None, ())  # the row begins in line 7


def test_a_folder_of_text_files(tmp_path):
    files(tmp_path, b=b"beta\r\n", sport__a=b"\xef\xbb\xbfalpha", sport__tennis__c="ç".encode())
    (tmp_path / "sport" / "notes.md").write_text("no document")
    (tmp_path / ".hidden").mkdir()
    files(tmp_path / ".hidden", a=b"no document")
    (tmp_path / "sport" / "._a.txt").write_bytes(b"\x00\x05no document")
    assert parts(tmp_path) == [
        ("b.txt", "b", "beta\r\n", None, ()),
        ("sport/a.txt", "a", "alpha", None, ("sport",)),
        ("sport/tennis/c.txt", "c", "ç", None, ("sport", "tennis")),
    ]


def test_labels_may_be_links_to_folders(tmp_path):
    files(tmp_path / "in", b=b"beta", sport__a=b"alpha")
    files(tmp_path / "pool", c=b"gamma", deep__d=b"delta")
    (tmp_path / "in" / "art").symlink_to("../pool")
    (tmp_path / "in" / "sport" / "up").symlink_to("..")
    assert parts(tmp_path / "in") == [
        ("b.txt", "b", "beta", None, ()),
        ("art/c.txt", "c", "gamma", None, ("art",)),
        ("art/deep/d.txt", "d", "delta", None, ("art", "deep")),
        ("sport/a.txt", "a", "alpha", None, ("sport",)),
    ]


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("gone.txt", "away.txt", r"gone\.txt: cannot be reached \(No such file"),
        ("gone", "away", "gone: cannot be reached"),
        ("x\ny.txt", "away", r"x\\ny\.txt: cannot be reached"),
        ("twin", "sport", "twin: leads to sport, which is taken once"),
        ("device.txt", "/dev/zero", "is neither a file nor a folder; mend or remove it"),
    ],
)
def test_links_that_would_lose_a_document_get_one_line(tmp_path, name, target, said):
    files(tmp_path, sport__a=b"alpha")
    (tmp_path / name).symlink_to(target)
    with pytest.raises(UserError, match=said) as caught:
        parts(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["d.jsonl", "d.csv", "d/x.txt"])
def test_a_byte_order_mark_is_dropped(tmp_path, name):
    content = {"d.jsonl": '{"body": "oil"}', "d.csv": "body\noil\n", "d/x.txt": "oil"}[name]
    (tmp_path / "d").mkdir()
    (tmp_path / name).write_text(content, encoding="utf-8-sig")
    path = tmp_path / name if "/" not in name else tmp_path / "d"
    assert [document.text.strip() for document in read(path, Columns())] == ["oil"]


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path):
    (tmp_path / "d.jsonl").write_text(r'{"body": "cut \ud83d", "title": "\ud83d\ude00"}')
    assert parts(tmp_path / "d.jsonl")[0][1:3] == ("😀", "😀\ncut ?")


def test_documents_are_read_one_at_a_time(tmp_path):
    (tmp_path / "d.jsonl").write_text('{"body": "one"}\nno JSON\n')
    documents = read(tmp_path / "d.jsonl", Columns())
    assert next(documents).text == "\none"
    with pytest.raises(UserError, match="line 2"):
        next(documents)


GOOD = b'{"body": "oil"}\n'
BROKEN = {
    # What is in the file, the columns asked for, what the message says behind the file's path.
    "empty": ("d.jsonl", b"", {}, ": holds no documents; "),
    "blank": ("d.jsonl", b"\n \n", {}, ": holds no documents; "),
    "csv empty": ("d.csv", b"", {}, ": holds no documents; "),
    "header only": ("d.csv", b"body\n", {"labels": "x"}, ": holds no documents; "),
    "latin-1": ("d.jsonl", GOOD + b'{"body": "caf\xe9"}', {}, ": line 2: .* 0xe9 at byte 14 of "),
    "latin-1 csv": ("d.csv", b"body\na\n\xfc\n", {}, ": line 3: must be UTF-8.* 0xfc at byte 1 "),
    "utf-16": ("d.csv", "body\noil".encode("utf-16"), {}, ": line 1: .* 0xff at byte 1 .*; save "),
    "utf-16 unmarked": ("d.csv", "body".encode("utf-16-le"), {}, ": line 1: .* 0x00 at byte 2 "),
    "cut": ("d.jsonl", GOOD * 2 + b'{"body": "o', {}, r": line 3: must be JSON \(Untermin.*char 9"),
    "nested": ("d.jsonl", b'{"body":' + b"[" * 10**5, {}, ": line 1: must be JSON "),
    "list": ("d.jsonl", b'[{"body": "oil"}]', {}, r": line 1: must be a JSON object, found \[\{"),
    "number": ("d.jsonl", GOOD + b"17\n", {}, ": line 2: must be a JSON object, found 17;"),
    "text a number": ("d.jsonl", b'{"body": 5}', {}, ": line 1: body must be a string, found 5;"),
    "text null": ("d.jsonl", b'{"body": null}', {}, ": line 1: body .* a string, found null;"),
    "title a list": ("d.jsonl", b'{"body": "", "title": []}', {}, r": title .* string, found \[\]"),
    "labels a number": (
        "d.jsonl",
        b'{"body": "", "labels": 3}',
        {},
        ": labels .* strings, found 3",
    ),
    "labels numbers": ("d.jsonl", b'{"body": "", "labels": [3]}', {}, r"strings, found \[3\]"),
    "labels object": (
        "d.jsonl",
        b'{"body": "", "labels": {"a": 1}}',
        {},
        ": labels must be .* list",
    ),
    "date in words": (
        "d.jsonl",
        b'{"body": "", "date": "7 April"}',
        {},
        ': date .* found "7 April"',
    ),
    "no such day": ("d.csv", b"body,date\na,1987-02-30\n", {}, ": line 2: date must .*1987-02-30"),
    "date a number": ("d.jsonl", b'{"body": "", "date": 1987}', {}, ": date must be .* found 1987"),
    "id a list": ("d.jsonl", b'{"body": "", "id": [1]}', {}, r": id must be .* found \[1\]"),
    "id true": ("d.jsonl", b'{"body": "", "id": true}', {}, ": id must be .* found true"),
    "no text": (
        "d.jsonl",
        GOOD + b'{"text": "", "a": 1}',
        {},
        ": line 2: .*'body', found 'a', 'text'",
    ),
    "csv no text": (
        "d.csv",
        b"id;body\n1;oil\n",
        {},
        ": line 2: .* 'body', found 'id;body'; .*text",
    ),
    "misspelt": (
        "d.csv",
        b"body,topics\na,b\n",
        {"labels": "tpics"},
        ": .*'tpics', found .*labels",
    ),
    "misspelt key": ("d.jsonl", GOOD, {"date": "day"}, ": .*'day', found 'body'; .* columns.date"),
    "few cells": ("d.csv", b"id,body\n1,a\n2\n", {}, ": line 3: must have 2 cells .* found 1"),
    "more cells": ("d.csv", b"id,body\n1,a,b\n", {}, ": line 2: must have 2 cells .* found 3"),
    "open quote": ("d.csv", b'body\na\n"b\nc\nd\n', {}, ": line 3: must be CSV .*end of data"),
    "stray quote": ("d.csv", b'body\n"b"c\n', {}, ": line 2: must be CSV "),
    "suffix": ("d.json", GOOD, {}, ": documents must be in a .jsonl file, .* found '.json'"),
    "no suffix": ("documents", GOOD, {}, ": documents must be in .* found 'no suffix'"),
}


@pytest.mark.parametrize(("name", "content", "columns", "said"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_gets_one_line(tmp_path, name, content, columns, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        list(read(tmp_path / name, Columns(**columns)))
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250 + len(str(tmp_path))


def test_a_broken_text_file_is_named(tmp_path):
    files(tmp_path, a=b"fine", b__c=b"one\ntwo \xff\n")
    with pytest.raises(UserError, match=r"c\.txt: line 2: .* 0xff at byte 5 of the line") as caught:
        list(read(tmp_path, Columns()))
    assert str(caught.value).startswith(str(tmp_path / "b" / "c.txt"))


def test_a_folder_without_text_files(tmp_path):
    (tmp_path / "a.md").write_text("oil")
    with pytest.raises(UserError, match="holds no documents"):
        list(read(tmp_path, Columns()))


def test_what_is_not_there_can_be_fetched_if_it_is_known(tmp_path):
    with pytest.raises(UserError, match=r"not found; run: ae fetch reuters$"):
        list(read(tmp_path / "reuters" / "documents.jsonl", Columns()))
    with pytest.raises(UserError, match=r"not found; correct the path$"):
        list(read(tmp_path / "mine" / "documents.jsonl", Columns()))
