import csv
import io
import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    "cut": ("d.jsonl", GOOD * 2 + b'{"body": "o', {}, r": line 3: must be JSON \(Untermin.*char 9"),
    "nested": ("d.jsonl", b'{"body":' + b"[" * 10**5, {}, ": line 1: must be JSON "),
    "list": ("d.jsonl", b'[{"body": "oil"}]', {}, r": line 1: must be a JSON object, found \[\{"),
    "number": ("d.jsonl", GOOD + b"17\n", {}, ": line 2: must be a JSON object, found 17;"),
    "text a list": ("d.jsonl", b'{"body": []}', {}, r": body must be text or .*, found \[\];"),
    "title an object": ("d.jsonl", b'{"body": "", "title": {}}', {}, r": title .*, found \{\};"),
    "labels object": ("d.jsonl", b'{"body": "", "labels": {"a": 1}}', {}, ": labels must .* list"),
    "labels nested": ("d.jsonl", b'{"body": "", "labels": [["a"]]}', {}, r'list .* found \["a"\]'),
    "id a list": ("d.jsonl", b'{"body": "", "id": [1]}', {}, r": id must be .* found \[1\]"),
    "no text": (
        "d.jsonl",
        GOOD + b'{"text": "", "a": 1}',
        {},
        ": line 2: .*'body', found 'a', 'text'",
    ),
    "csv no text": (
        "d.csv",
        b"id;text\n1;oil\n",
        {},
        ": line 1: .* 'body', found 'id', 'text'; .*text",
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
    "nul": ("d.csv", b"id,body\n1,a\0b\n", {}, ": line 2: must be text, found a NUL"),
    "nul in the header": ("d.csv", b"id,bo\0dy\n1,a\n", {}, ": line 1: must be text, found a NUL"),
    "repeated": ("d.csv", b"body,a,body\n1,2,3\n", {}, ": line 1: .* once, found 'body' twice;"),
    "with a space": ("d.csv", b"body; body\n1;2\n", {}, ": line 1: .* once, found 'body' twice;"),
    "repeated title": ("d.tsv", b"title\ttitle\tbody\n", {}, ": line 1: .* found 'title' twice;"),
    "repeated own": ("d.csv", b"a,body,a\n1,2,3\n", {"labels": "a"}, ": line 1: .* 'a' twice;"),
    "repeated key": ("d.jsonl", b'{"body": "a", "body": "b"}', {}, ": line 1: .*'body' .* twice"),
    "suffix": ("d.json", GOOD, {}, ": documents must be in a .jsonl, .* found '.json'"),
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
    files(tmp_path, a=b"fine", b__c=b"one\ntwo \0\n")
    with pytest.raises(UserError, match=r"c\.txt: must be text, found a NUL at character 9;") as no:
        list(read(tmp_path, Columns()))
    assert str(no.value).startswith(str(tmp_path / "b" / "c.txt"))


def test_a_folder_without_text_files(tmp_path):
    (tmp_path / "a.md").write_text("oil")
    with pytest.raises(UserError, match="holds no documents"):
        list(read(tmp_path, Columns()))


def test_what_is_not_there_can_be_fetched_if_it_is_known(tmp_path):
    with pytest.raises(UserError, match=r"not found; run: ae fetch reuters$"):
        list(read(tmp_path / "reuters" / "documents.jsonl", Columns()))
    with pytest.raises(UserError, match=r"not found; correct the path$"):
        list(read(tmp_path / "mine" / "documents.jsonl", Columns()))


PANDAS = b'{"body": "sea", "labels": 1.0}\n{"body": null, "labels": NaN}\n'
TAKEN = {
    # File, its content, the columns asked for, labels and text of each document.
    "whole numbers": ("d.jsonl", b'{"body": "sea", "labels": 0}', {}, [(("0",), "sea")]),
    "a list of them": ("d.jsonl", b'{"body": "a", "labels": [0, 1]}', {}, [(("0", "1"), "a")]),
    "in a CSV": ("d.csv", b"body,labels\nsea,0\ncar,1\n", {}, [(("0",), "sea"), (("1",), "car")]),
    "a truth": ("d.jsonl", b'{"body": "a", "labels": true}', {}, [(("true",), "a")]),
    "a fraction": ("d.jsonl", b'{"body": "a", "labels": [0.5, -2.0]}', {}, [(("0.5", "-2"), "a")]),
    "null in a list": ("d.jsonl", b'{"body": "a", "labels": [null, "x"]}', {}, [(("x",), "a")]),
    "gaps of pandas": ("d.jsonl", PANDAS, {}, [(("1",), "sea"), ((), "")]),
    "a text that is a number": ("d.jsonl", b'{"body": 5}', {}, [((), "5")]),
    "a title that is one": ("d.jsonl", b'{"body": "sea", "title": 7}', {}, [((), "7\nsea")]),
    "an empty cell": ("d.csv", b"body,labels\nsea,\n,\n", {}, [((), "sea"), ((), "")]),
    "a date in words": ("d.csv", b'body,date\na,"May 1, 2017"\n', {}, [((), "a")]),
    "a date in ms": ("d.jsonl", b'{"body": "a", "date": 1514678400000}', {}, [((), "a")]),
    "a date as a list": ("d.jsonl", b'{"body": "a", "date": [2017, 5]}', {}, [((), "a")]),
    "no such day": ("d.csv", b"body,date\na,1987-02-30\n", {}, [((), "a")]),
    "labels switched off": ("d.csv", b"body,labels\na,b\n", {"labels": None}, [((), "a")]),
    "title switched off": ("d.jsonl", b'{"body": "a", "title": {}}', {"title": None}, [((), "a")]),
    "repeated but unused": ("d.csv", b"x,body,x\n1,a,2\n", {}, [((), "a")]),
    "repeated and off": ("d.csv", b"date,body,date\n1,a,2\n", {"date": None}, [((), "a")]),
    "repeated key, unused": ("d.jsonl", b'{"x": 1, "body": "a", "x": 2}', {}, [((), "a")]),
    "Excel's line": ("d.csv", b"sep=;\r\nbody;labels\r\na;b\r\n", {}, [(("b",), "a")]),
    "space before": ("d.csv", b"\n \nid,body\n1,a\n", {}, [((), "a")]),
    "an index of pandas'": ("d.csv", b",body\n0,a\n", {"id": ""}, [((), "a")]),
    "one id": ("d.csv", b"id,body\n7,a\n7,b\n", {}, [((), "a"), ((), "b")]),
}


@pytest.mark.parametrize(("name", "content", "columns", "right"), TAKEN.values(), ids=TAKEN)
def test_common_values_are_taken(tmp_path, name, content, columns, right):
    (tmp_path / name).write_bytes(content)
    found = read(tmp_path / name, Columns(**columns))
    assert [(d.labels, d.text.strip()) for d in found] == right


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", ",;\t|")
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_delimiters_and_line_ends(tmp_path, suffix, delimiter, ends):
    rows = [["no", " body ", "labels"], ["1", 'a,b;c\td|e\n"f"\r\n', "x;y"], ["2", "g, h; i", ""]]
    with (tmp_path / f"d.{suffix}").open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=ends, quoting=csv.QUOTE_ALL).writerows(
            rows
        )
    assert parts(tmp_path / f"d.{suffix}", id="no") == [
        ("1", "", '\na,b;c\td|e\n"f"\r\n', None, ("x", "y")),
        ("2", "", "\ng, h; i", None, ()),
    ]


def remarked(path, **options):
    """Texts that are read, and the remarks on others as (place in the path, reason, left out)."""
    remarks = []
    texts = [d.text.strip() for d in read(path, Columns(), remarks.append, **options)]
    return texts, [(r.place.removeprefix(str(path)), r.reason, r.left_out) for r in remarks]


TONGUES = {
    "cp1252": "Größe, Süden und Straße: “schön” – 5 €",
    "latin-1": "L'été dernier, nous avons mangé des crêpes à la crème près de la forêt",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy. Těšíme se na shledanou",
    "cp1251": "Съешь же ещё этих мягких французских булок, да выпей чаю",
    "koi8_r": "Съешь же ещё этих мягких французских булок, да выпей чаю",
    "cp1253": "Ο καιρός είναι καλός σήμερα και θα πάμε στη θάλασσα",
    "cp1255": "מזג האוויר יפה היום ואנחנו נלך לים עם החברים שלנו",
    "cp932": "今日は天気がいいので、友達と海に行きます。とても楽しみです。",
    "gb18030": "今天天气很好，我们和朋友一起去海边玩。我很高兴。",
    "cp949": "오늘은 날씨가 좋아서 친구들과 바다에 갑니다. 정말 기대됩니다.",
    "utf-16-le": "Größe, Süden und Straße",
    "utf-16-be": "no letter but of ASCII",
}


@pytest.mark.parametrize("name", ["d.jsonl", "d.csv", "d/x.txt"])
@pytest.mark.parametrize(("encoding", "text"), TONGUES.items(), ids=TONGUES)
def test_other_encodings_are_guessed_and_said(tmp_path, encoding, text, name):
    content = {
        "d.jsonl": json.dumps({"body": text}, ensure_ascii=False) + "\n",
        "d.csv": f'body\n"{text}"\n',
        "d/x.txt": text,
    }[name]
    (tmp_path / "d").mkdir()
    (tmp_path / name).write_bytes(content.encode(encoding))
    path = tmp_path / name if "/" not in name else tmp_path / "d"
    texts, [(place, reason, left_out)] = remarked(path)
    assert texts == [text]
    assert (path / place.removeprefix("/"), left_out) == (tmp_path / name, False)
    assert reason.startswith("should be UTF-8, found other bytes; read as ")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_that_files_declare_are_not_guessed(tmp_path, encoding):
    (tmp_path / "d.csv").write_text("body\r\nGrün ☂\r\n", encoding=encoding, newline="")
    assert remarked(tmp_path / "d.csv") == (["Grün ☂"], [])


def test_one_mail_of_many_in_latin_1(tmp_path):
    files(tmp_path, **{f"m{number}": f"grün {number}".encode() for number in range(40)})
    files(tmp_path, m7="grün 7".encode("latin-1"))
    texts, remarks = remarked(tmp_path)
    assert sorted(texts) == sorted(f"grün {number}" for number in range(40))
    assert [(place, left_out) for place, _, left_out in remarks] == [("/m7.txt", False)]


def test_stray_bytes_in_a_file_that_is_utf8(tmp_path):
    lines = ["body", "größer", "ok ☂", "schön", "naïve"]
    content = [*map(str.encode, lines), "über €".encode("cp1252"), "cut ☂".encode()[:-1]]
    (tmp_path / "d.csv").write_bytes(b"\n".join(content))
    texts, [(place, reason, left_out)] = remarked(tmp_path / "d.csv")
    assert texts == [*lines[1:], "über €", "cut \ufffd"]
    assert (place, left_out) == ("", False)
    assert reason.endswith("read as UTF-8 with bytes of cp1252")


def test_a_byte_order_mark_is_believed_in_spite_of_stray_bytes(tmp_path):
    (tmp_path / "d.csv").write_bytes(b"\xef\xbb\xbfbody\ncaf\xe9\n\xfcber\nna\xefve\n")
    texts, [(_, reason, _)] = remarked(tmp_path / "d.csv")
    assert texts == ["café", "über", "naïve"]
    assert reason.endswith("read as UTF-8 with bytes of cp1252")


def test_a_guess_is_made_once_by_a_part_of_the_file(tmp_path, monkeypatch):
    import charset_normalizer

    guess, sizes = charset_normalizer.from_bytes, []

    def counted(sample, **options):
        sizes.append(len(sample))
        return guess(sample, **options)

    monkeypatch.setattr(charset_normalizer, "from_bytes", counted)
    for ends in ("\n", " "):  # many lines, and a single one
        text = "a" * 100_000 + ends + f"Größe, Süden und Straße{ends}" * 50_000
        (tmp_path / "x.txt").write_bytes(text.encode("cp1252"))
        assert [d.text for d in read(tmp_path, Columns())] == [text]
    assert len(sizes) == 2
    assert max(sizes) <= 2**15


LEFT_OUT = {
    # File, its content, texts that are read, and line and reason of what is left out.
    "few and many cells": (
        "d.csv",
        b"id,body\n1,a\n2\n3,b,c\n4,d\n",
        ["a", "d"],
        [(3, "must have 2 cells"), (4, "must have 2 cells")],
    ),
    "a stray quote": ("d.csv", b'body\na\n"b"c\nd\n', ["a", "d"], [(3, "must be CSV")]),
    "an open quote": (
        "d.csv",
        b'sep=;\n\nid;body\n1;"a\n' + b"".join(b"%d;b\n" % line for line in range(5, 99)),
        ["b"] * 94,
        [(4, "must be CSV")],
    ),
    "open quotes": ("d.csv", b'body\n"a\n"b\n"c\nd', ["d"], [(2, "must"), (3, ""), (4, "must")]),
    "behind a quoted line end": (
        "d.tsv",
        b'id\tbody\n1\t"a\r\nb"\n2\n3\tc\n',
        ["a\r\nb", "c"],
        [(4, "must have 2 cells as the header has, found 1")],
    ),
    "nul": ("d.csv", b"body\na\nb\0\nc\n", ["a", "c"], [(3, "must be text, found a NUL")]),
    "broken JSON": ("d.jsonl", b'{"body": "a"}\n{"body"\n\n[]\n{"body": "b"}', ["a", "b"], [
        (2, "must be JSON"), (4, "must be a JSON object, found []"),
    ]),
    "nul in JSON": ("d.jsonl", b'{"body": "a\0"}\n{"body": "b"}', ["b"], [(1, "must be JSON")]),
    "a text that is none": ("d.jsonl", b'{"body": {}}\n{"a": 1}\n{"body": "b"}', ["b"], [
        (1, "body must be text or a number, found {}"), (2, "must have a column 'body', found 'a'"),
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "texts", "left_out"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_rows_that_cannot_be_read_are_left_out(tmp_path, name, content, texts, left_out):
    (tmp_path / name).write_bytes(content)
    found, remarks = remarked(tmp_path / name)
    assert found == texts
    assert [place for place, _, _ in remarks] == [f": line {line}" for line, _ in left_out]
    for (_, reason, out), (_, right) in zip(remarks, left_out, strict=True):
        assert reason.startswith(right)
        assert out


def test_text_files_that_cannot_be_read_are_left_out(tmp_path):
    files(tmp_path, a=b"fine", b__c=b"\x7fELF\0\0", d="grün".encode())
    (tmp_path / "lost.txt").symlink_to(tmp_path / "nowhere")
    texts, remarks = remarked(tmp_path)
    assert texts == ["fine", "grün"]
    assert sorted(place for place, _, out in remarks if out) == ["/b/c.txt", "/lost.txt"]


def test_nothing_left_is_an_error_that_names_the_first(tmp_path):
    (tmp_path / "d.jsonl").write_text('{"text": "a"}\n' * 9)
    with pytest.raises(
        UserError, match=r"d\.jsonl: no document can be read; .*d\.jsonl: line 1: .*"
    ):
        remarked(tmp_path / "d.jsonl")


@pytest.mark.parametrize("date", ["", "7 April", "1987-02-30", "N/A", "1514678400000"])
def test_documents_without_a_date_are_left_out_where_one_is_needed(tmp_path, date):
    (tmp_path / "d.csv").write_text(f"body,date\na,1987-04-07\nb,{date}\nc,1987-04-08T10:00\n")
    texts, [(place, reason, left_out)] = remarked(tmp_path / "d.csv", dated=True)
    assert (texts, place, left_out) == (["a", "c"], ": line 3", True)
    assert f'found "{date}"; correct it' in reason


DAMAGES = {
    ".csv": {
        "few cells": lambda row: "7",
        "more cells": lambda row: row + ",",
        "a NUL": lambda row: "7,\0",
        "text behind a quote": lambda row: '"a"b,c',
    },
    ".jsonl": {
        "cut": lambda row: row[:-1],
        "a list": lambda row: f"[{row}]",
        "a NUL": lambda row: row + "\0",
        "another type": lambda row: '{"body": {}}',
    },
}


def written(suffix, text):
    if suffix == ".jsonl":
        return json.dumps({"body": text}, ensure_ascii=False)
    return '7,"{}"'.format(text.replace('"', '""'))


@given(
    suffix=st.sampled_from([".csv", ".jsonl"]),
    rows=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            st.one_of(st.none(), st.integers(0, 3)),
        ),
        min_size=1,
    ),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp932"]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_every_example_is_read_or_left_out_and_said(tmp_path_factory, suffix, rows, encoding, ends):
    path = tmp_path_factory.mktemp("fuzz") / f"d{suffix}"
    damages = [*DAMAGES[suffix].values()]
    rows = [*rows, ("the last is whole", None)]
    lines = [
        written(suffix, text) if damage is None else damages[damage](written(suffix, text))
        for text, damage in rows
    ]
    header = ["id,body"] if suffix == ".csv" else []
    path.write_bytes(ends.join([*header, *lines]).encode(encoding, "replace"))
    remarks = []
    texts = [d.text[1:] for d in read(path, Columns(), remarks.append)]
    whole = [text for text, damage in rows if damage is None]
    assert len(texts) == len(whole)
    assert sum(remark.left_out for remark in remarks) == len(rows) - len(whole)
    if encoding.startswith("utf"):
        assert texts == whole
        assert all(remark.left_out for remark in remarks)


@given(st.sampled_from(["d.csv", "d.tsv", "d.jsonl", "d/x.txt"]), st.binary())
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, name, content):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "d").mkdir()
    start = {"d.csv": b"id,body\n", "d.tsv": b"body\tlabels\n"}.get(name, b"")
    (folder / name).write_bytes(start + content)
    path, remarks, refused = folder / name if "/" not in name else folder / "d", [], ""
    try:
        list(read(path, Columns(), remarks.append))
    except UserError as error:
        refused = str(error)
    assert not any("\n" in line for line in (refused, *(remark.reason for remark in remarks)))
