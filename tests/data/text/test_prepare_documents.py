import csv
import gc
import itertools
import json
import shutil
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import load_npz
from sklearn.feature_extraction.text import CountVectorizer

from ae_lightning.config.datasets import Documents
from ae_lightning.data.prepare import prepare
from ae_lightning.data.text.tokenize import FIRST_WORD, UNKNOWN
from ae_lightning.errors import UserError

SPLITS = ("train", "validation", "test")
ROOT = Path(__file__).parents[3]

# Up to the 5th is training. Words of two letters, so that a title is easily told from a body.
BY_HAND = [
    {"id": "a", "date": "1987-01-01", "title": "Oil", "body": "oil tin", "labels": ["crude"]},
    {
        "id": "b",
        "date": "1987-01-09T10:00",
        "body": "gold oil zinc zinc",
        "labels": ["late", "gold"],
    },
    {"id": "c", "date": "1987-01-02", "title": "The", "body": "12 of", "labels": ["short"]},
    {"id": "d", "date": "1987-01-05T23:59", "body": "tin gold tin", "labels": ["metal", "crude"]},
    {"id": "e", "date": "1987-01-06", "body": "unheard", "labels": ["never"]},
    {"id": "f", "date": "1987-01-03", "body": "oil gold rare", "labels": []},
    {"id": "g", "date": "1987-01-07", "body": "tin"},
]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def dataset(path, **options):
    return Documents(kind="documents", path=path, **{"validation": 1, **options})


def prepared(tmp_path, rows=BY_HAND, **options):
    path = write(tmp_path / "d.jsonl", rows)
    prepare("mine", dataset(path, **{"until": "1987-01-05", **options}), tmp_path / "out")
    return tmp_path / "out"


def records(out, split):
    lines = (out / f"{split}_documents.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def ids(out):
    return {split: [record["id"] for record in records(out, split)] for split in SPLITS}


def sequences(out, split):
    tokens = np.load(out / f"{split}_tokens.npy")
    return [part.tolist() for part in np.split(tokens, np.load(out / f"{split}_offsets.npy")[1:-1])]


def test_all_files_by_hand(tmp_path, capsys):
    out = prepared(tmp_path, vocabulary=3, words=2, queries={"oil price": ["crude"]})
    # In the training documents: oil 3, tin 3, gold 2, rare 1.
    vocabulary = json.loads((out / "vocabulary.json").read_text())
    assert vocabulary == {
        "stop_words": "english",
        "terms": ["gold", "oil", "tin"],
        "words": ["oil", "tin"],
    }
    assert ids(out) == {"train": ["a", "d"], "validation": ["f"], "test": ["b", "g"]}
    expected = {
        "train": [[0, 2, 1], [1, 0, 2]],
        "validation": [[1, 1, 0]],
        "test": [[1, 1, 0], [0, 0, 1]],
    }
    for split, counts in expected.items():
        matrix = load_npz(out / f"{split}_inputs.npz")
        assert matrix.dtype == np.int32
        assert matrix.toarray().tolist() == counts
    oil, tin = FIRST_WORD, FIRST_WORD + 1
    assert sequences(out, "train") == [[oil, oil, tin], [tin, UNKNOWN, tin]]
    assert sequences(out, "validation") == [[oil, UNKNOWN, UNKNOWN]]
    assert sequences(out, "test") == [[UNKNOWN, oil, UNKNOWN, UNKNOWN], [tin]]
    labels = {split: np.load(out / f"{split}_labels.npy") for split in SPLITS}
    assert {split: array.tolist() for split, array in labels.items()} == {
        "train": [[True, False], [True, True]],
        "validation": [[False, False]],
        "test": [[False, False], [False, False]],
    }
    assert {array.dtype for array in labels.values()} == {np.dtype(bool)}
    assert records(out, "train")[0] == {
        "id": "a", "title": "Oil", "date": "1987-01-01", "labels": ["crude"]
    }  # fmt: skip
    assert (out / "skipped.csv").read_text() == "split,id,terms\ntrain,c,0\ntest,e,0\n"
    meta = json.loads((out / "meta.json").read_text())
    assert meta == {
        "kind": "documents",
        "shape": [3],
        "classes": ["crude", "metal"],
        "documents": {"train": 2, "validation": 1, "test": 2},
        "skipped": {"train": 1, "validation": 0, "test": 1},
        "queries": {"oil price": ["crude"]},
        "unknown_labels": 2,
    }
    assert list(meta)[:3] == ["kind", "shape", "classes"]
    suffixes = ("inputs.npz", "labels.npy", "documents.jsonl", "tokens.npy", "offsets.npy")
    assert {path.name for path in out.iterdir()} == {
        *("meta.json", "vocabulary.json", "skipped.csv"),
        *(f"{split}_{suffix}" for split in SPLITS for suffix in suffixes),
    }
    assert capsys.readouterr().out == (
        "mine: 7 documents read: 2 train, 1 validation, 2 test; left out with fewer than 1 of 3 "
        "terms: 1 train, 1 test (skipped.csv)\n"
    )


def test_short_documents_are_left_out_before_the_validation_part_is_chosen(tmp_path):
    rows = [*BY_HAND, {"id": "h", "date": "1987-01-08", "body": "oil tin gold"}]
    out = prepared(tmp_path, rows, least=3, vocabulary=3)
    assert ids(out) == {"train": ["a"], "validation": ["d"], "test": ["h"]}
    assert (out / "skipped.csv").read_text().splitlines() == [
        "split,id,terms",
        "test,b,2",
        "train,c,0",
        "test,e,0",
        "train,f,2",
        "test,g,1",
    ]
    meta = json.loads((out / "meta.json").read_text())
    assert meta["skipped"] == {"train": 2, "validation": 0, "test": 3}


def test_limit_keeps_the_first_of_each_part_and_the_vocabulary_of_all(tmp_path):
    out = prepared(tmp_path, limit=1, vocabulary=3)
    assert ids(out) == {"train": ["a"], "validation": ["f"], "test": ["b"]}
    assert [len(np.load(out / f"{split}_labels.npy")) for split in SPLITS] == [1, 1, 1]
    meta = json.loads((out / "meta.json").read_text())
    assert meta["documents"] == {"train": 1, "validation": 1, "test": 1}
    assert meta["skipped"] == {"train": 1, "validation": 0, "test": 1}
    assert meta["shape"] == [3]


def test_without_labels_there_are_none(tmp_path):
    rows = [{key: value for key, value in row.items() if key != "labels"} for row in BY_HAND]
    rows[1]["labels"] = ["of a test document only"]
    out = prepared(tmp_path, rows)
    meta = json.loads((out / "meta.json").read_text())
    assert (meta["classes"], meta["unknown_labels"]) == ([], 1)
    assert not list(out.glob("*_labels.npy"))


def sorted_by_label(count):
    """Documents of which the first half says and is grain, the second half tin."""
    words = ["grain"] * (count // 2) + ["tin"] * (count // 2)
    return [{"body": f"{word} common", "labels": [word]} for word in words]


def test_without_a_date_chance_decides_and_no_label_is_kept_from_training(tmp_path):
    options = {"until": None, "test": 0.25, "validation": 20}
    out = prepared(tmp_path, sorted_by_label(100), **options)
    found = ids(out)
    assert [len(found[split]) for split in SPLITS] == [55, 20, 25]
    assert sorted(itertools.chain(*found.values()), key=int) == [
        str(line) for line in range(1, 101)
    ]
    for split in SPLITS:
        assert found[split] == sorted(found[split], key=int)
        # Half of each part is expected to be tin; a quarter is five deviations away from that.
        share = np.load(out / f"{split}_labels.npy")[:, 1].mean()
        assert 0.2 < share < 0.8
    assert ids(prepared(tmp_path, sorted_by_label(100), **options)) == found
    assert ids(prepared(tmp_path, sorted_by_label(100), **options, seed=1)) != found


def test_counts_labels_and_sequences_of_many_documents(tmp_path):
    """Against scikit-learn, and each document's sequence against its bag."""
    random = np.random.default_rng(0)
    words = np.array(["".join(random.choice(list("abcdefgh"), 5)) for _ in range(60)])
    chance = np.arange(60, 0, -1) / np.arange(1, 61).sum()
    rows = [
        {
            "id": number,
            "date": f"1987-01-{1 + int(random.integers(0, 10)):02}",
            "body": " ".join(random.choice(words, random.integers(0, 9), p=chance)),
            "labels": [f"t{k}" for k in range(5) if random.random() < 0.2],
        }
        for number in range(300)
    ]
    out = prepared(tmp_path, rows, until="1987-01-07", validation=50, vocabulary=500, words=500)
    of = {str(row["id"]): row for row in rows}
    trained = [row for row in rows if row["date"] <= "1987-01-07"]
    reference = CountVectorizer(stop_words="english").fit(row["body"] for row in trained)
    vocabulary = json.loads((out / "vocabulary.json").read_text())
    assert vocabulary["terms"] == sorted(reference.vocabulary_)
    spelt = dict(enumerate(vocabulary["words"], FIRST_WORD)) | {UNKNOWN: None}
    for split in SPLITS:
        mine = [of[record["id"]] for record in records(out, split)]
        expected = reference.transform(row["body"] for row in mine).toarray()
        assert np.array_equal(load_npz(out / f"{split}_inputs.npz").toarray(), expected)
        marks = [[f"t{k}" in row["labels"] for k in range(5)] for row in mine]
        assert np.load(out / f"{split}_labels.npy").tolist() == marks
        texts = [[spelt[number] for number in row] for row in sequences(out, split)]
        known = [
            [w if w in reference.vocabulary_ else None for w in row["body"].split()] for row in mine
        ]
        assert texts == known
        assert all((row["date"] <= "1987-01-07") == (split != "test") for row in mine)
    long_enough = [str(row["id"]) for row in trained if row["body"]]
    assert ids(out)["train"] + ids(out)["validation"] == long_enough
    assert len(ids(out)["validation"]) == 50


def test_labels_are_whole_however_many_blocks_they_take(tmp_path, monkeypatch):
    rows = [{"body": "oil", "labels": [f"t{number % 3}"]} for number in range(40)]
    one = prepared(tmp_path, rows, until=None)
    marks = np.load(one / "train_labels.npy")
    assert marks.sum(axis=1).tolist() == [1] * 31
    assert [int(r["labels"][0][1]) for r in records(one, "train")] == marks.argmax(axis=1).tolist()
    monkeypatch.setattr("ae_lightning.data.text.prepare_documents.BLOCK", 7)
    assert np.array_equal(np.load(prepared(tmp_path, rows, until=None) / "train_labels.npy"), marks)


def test_the_same_input_gives_the_same_bytes(tmp_path, monkeypatch):
    out = prepared(tmp_path)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr("time.time", lambda: 2e9)  # an archive that stamps its members would differ
    assert {path.name: path.read_bytes() for path in prepared(tmp_path).iterdir()} == before
    with zipfile.ZipFile(out / "train_inputs.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def counts_and_labels(out, split):
    return load_npz(out / f"{split}_inputs.npz").toarray(), np.load(out / f"{split}_labels.npy")


def test_csv_and_folders_give_what_json_lines_give(tmp_path):
    rows = sorted_by_label(20)
    out = prepared(tmp_path, rows, until=None)
    expected = {split: counts_and_labels(out, split) for split in SPLITS}
    lines = [f"{row['body']},{row['labels'][0]}" for row in rows]
    (tmp_path / "d.csv").write_text("\n".join(["body,labels", *lines]))
    for number, row in enumerate(rows):
        path = tmp_path / "folder" / row["labels"][0] / f"{number:02}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row["body"])
    for path in (tmp_path / "d.csv", tmp_path / "folder"):
        prepare("mine", dataset(path), tmp_path / "other")
        for split, (counts, labels) in expected.items():
            found, marks = counts_and_labels(tmp_path / "other", split)
            assert np.array_equal(found, counts)
            assert np.array_equal(marks, labels)


WRONG = {
    "undated": (
        [{"body": "oil", "date": "7 April"}] * 3,
        {},
        r'no document can be read; .*line 1: must have a date .* found "7 April"; .* columns\.date',
    ),
    "all late": (
        BY_HAND,
        {"until": "1986-01-01"},
        r"mine\.until: .* found 0 and 7 with 1986-01-01",
    ),
    "none late": (
        BY_HAND,
        {"until": "1999-01-01"},
        r"mine\.until: .* found 7 and 0 with 1999-01-01",
    ),
    "one": (BY_HAND[:1], {"until": None}, r"mine\.test: .* found 1 and 0 with 0\.2"),
    "validation": (
        BY_HAND,
        {"validation": 3},
        r"mine\.validation: .*, found 3 of 3; make it smaller",
    ),
    "validation larger": (BY_HAND, {"validation": 99}, r"validation: .*, found 99 of 3; make it"),
    "few terms": (BY_HAND, {"least": 4}, r"mine\.least: .* found 0 and 0 with at least 4 tokens"),
    "nothing to test": (BY_HAND[:1] + BY_HAND[4:5], {}, r"mine\.least: .* found 1 and 0 with"),
    "query": (
        BY_HAND,
        {"queries": {"oil price": ["crud"]}},
        r"mine\.queries\.oil price: .* training documents, found 'crud'; there is ",
    ),
    "stop words": (
        [{"body": "the of 1 2 a"}] * 9,
        {"until": None},
        r"d\.jsonl: must have words .* found none in 7 training documents; .*stop_words",
    ),
}


@pytest.mark.parametrize(("rows", "options", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_prepared_gets_one_line_and_leaves_nothing(tmp_path, rows, options, said):
    with pytest.raises(UserError, match=said) as caught:
        prepared(tmp_path, rows, **options)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["d.jsonl"]


def test_stop_words_may_stay(tmp_path):
    out = prepared(tmp_path, [{"body": "the of 1 2 a"}] * 9, until=None, stop_words=None)
    assert json.loads((out / "vocabulary.json").read_text())["terms"] == ["of", "the"]


def test_ids_may_repeat(tmp_path):
    """Several pieces of one article have its id."""
    out = prepared(
        tmp_path, [{"id": number // 3, "body": "oil"} for number in range(9)], until=None
    )
    assert sorted(itertools.chain(*ids(out).values())) == ["0"] * 3 + ["1"] * 3 + ["2"] * 3


def test_what_cannot_be_read_is_left_out_listed_and_counted(tmp_path, capsys):
    rows = [json.dumps(row) for row in BY_HAND]
    lines = [*rows[:3], "{broken", *rows[3:], json.dumps({"body": "undated oil"}), '{"body": "é"}']
    (tmp_path / "d.jsonl").write_text("\n".join(lines), encoding="cp1252")
    prepare("mine", dataset(tmp_path / "d.jsonl", until="1987-01-05"), tmp_path / "out")
    path = tmp_path / "d.jsonl"
    with (tmp_path / "out" / "problems.csv").open(newline="") as file:
        header, *listed = csv.reader(file)
    assert header == ["place", "left_out", "problem"]
    assert [row[:2] for row in listed] == [
        [str(path), "no"],
        [f"{path}: line 4", "yes"],
        [f"{path}: line 9", "yes"],
        [f"{path}: line 10", "yes"],
    ]
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert meta["unreadable"] == 3
    assert sum(meta["documents"].values()) + sum(meta["skipped"].values()) == len(BY_HAND)
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == (
        "mine: 3 unreadable and left out, 1 in a guessed encoding; listed in "
        f"{Path('artifacts/prepared/mine/problems.csv')}"
    )


def test_known_data_is_checked_first(tmp_path, monkeypatch):
    """Also if the dataset's path is a file in the known folder."""
    monkeypatch.chdir(tmp_path)
    path = Path("data/reuters/documents.jsonl")
    path.parent.mkdir(parents=True)
    write(path, BY_HAND)
    with pytest.raises(UserError, match="ae fetch reuters"):
        prepare("reuters", dataset(path, until="1987-01-05"), tmp_path / "out")
    prepare("my-reuters", dataset(path, until="1987-01-05"), tmp_path / "out")
    shutil.rmtree("data")
    for name in ("reuters", "my-reuters"):
        with pytest.raises(UserError, match="ae fetch reuters"):
            prepare(name, dataset(path, until="1987-01-05"), tmp_path / "out")


def peak(tmp_path, count):
    """Bytes that preparing takes at most: documents of ten words and 1,500 other characters."""
    words = [f"word{chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(500)]
    path = tmp_path / "d.jsonl"
    with path.open("w") as file:
        for numbers in np.random.default_rng(0).integers(0, len(words), (count, 10)):
            body = " ".join(words[number] for number in numbers)
            row = {"title": "1" * 1000, "body": body + " " * 500, "labels": [body[:5]]}
            file.write(json.dumps(row) + "\n")
    gc.collect()
    tracemalloc.start()
    prepare("mine", dataset(path, validation=count // 10), tmp_path / "out")
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_memory_grows_linearly_and_holds_no_texts(tmp_path):
    small, middle, large = (peak(tmp_path, count) for count in (1000, 2000, 4000))
    first, second = (middle - small) / 1000, (large - middle) / 2000
    assert second < 500  # bytes a document, of 1,500 in the file
    assert second < 1.3 * first


@pytest.mark.slow  # reads 19 MB
@pytest.mark.skipif(not (ROOT / "data/reuters").exists(), reason="needs ae fetch reuters")
def test_reuters(tmp_path, capsys):
    path, columns = ROOT / "data/reuters/documents.jsonl", {"labels": "topics"}
    split = {"until": "1987-04-07", "validation": 2000}
    prepare("news", dataset(path, columns=columns, **split), tmp_path / "out")
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert meta["shape"] == [2000]
    assert meta["skipped"]["train"] == 708
    assert meta["documents"]["train"] + meta["documents"]["validation"] == 14_824 - 708
    assert meta["documents"]["test"] + meta["skipped"]["test"] == 21_578 - 14_824
    assert capsys.readouterr().out.startswith("news: 21,578 documents read: 12,116 train, ")
