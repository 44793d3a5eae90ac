"""Searching the notes: what is found against brute force, and every mistake in one line."""

import io
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.cells import cell_len
from scipy.sparse import csr_array, issparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics.pairwise import cosine_similarity, euclidean_distances

from ae_lightning.data.prepared import SPLITS
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.sequence import SequenceLayer, SequenceSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.term_weighting import Weighting
from ae_lightning.search.documents import DocumentIndex, Hit, smallest
from ae_lightning.search.encoded import EncodedDocuments
from ae_lightning.training.closed_form import lsa_stack
from pipelines.cli.main import main
from pipelines.cli.search.documents import table

ROOT = Path(__file__).parents[2]
QUERY = "crude barrel says wheat"


def codes_of(stack, data, split):
    with torch.inference_mode():
        return stack.encode(torch.from_numpy(data.counts(split)[:])).numpy()


@pytest.fixture
def artifacts(notes, monkeypatch):
    """``tfidf``, ``lsa-2`` and ``lsa-4`` on the notes, evaluated, in the current folder."""
    folder = notes.folder.parents[1]
    monkeypatch.chdir(folder.parent)
    idf = TfidfTransformer().fit(notes.counts("train")[:]).idf_
    weighting = Weighting("tfidf", torch.from_numpy(idf).float())
    stacks = {f"lsa-{size}": lsa_stack(notes, weighting, size) for size in (2, 4)}
    for name, stack in {**stacks, "tfidf": Stack([], weighting)}.items():
        checkpoint.save(stack, folder / "models" / name, "notes")
        evaluation = folder / "evaluation" / name
        evaluation.mkdir(parents=True)
        found = {split: codes_of(stack, notes, split) for split in SPLITS if stack.layers}
        np.savez_compressed(evaluation / "codes.npz", **found)
    return folder


def by_scikit_learn(name, artifacts, notes, text):
    """Score of every document by id, and whether the nearest has the greatest."""
    stack = checkpoint.load(artifacts / "models" / name)
    counts = torch.from_numpy(Corpus(notes).counts_of([text])[:])
    query = stack.encode(counts).detach().numpy()
    codes = np.concatenate([codes_of(stack, notes, split) for split in SPLITS])
    scores = (euclidean_distances if name == "lsa-2" else cosine_similarity)(query, codes)[0]
    ids = [record["id"] for split in SPLITS for record in Corpus(notes).records(split)]
    return dict(zip(ids, scores, strict=True)), name != "lsa-2"


def ae(*arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ae", "search", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize("name", ["tfidf", "lsa-2", "lsa-4"])
def test_documents_come_in_the_order_of_brute_force(name, artifacts, notes):
    expected, greatest = by_scikit_learn(name, artifacts, notes, QUERY)
    hits = DocumentIndex.open(name, artifacts).search(QUERY, 1000)
    assert [hit.rank for hit in hits] == list(range(1, 101))
    scores = [hit.score for hit in hits]
    np.testing.assert_allclose(scores, [expected[hit.id] for hit in hits], atol=1e-3)
    np.testing.assert_allclose(scores, sorted(expected.values(), reverse=greatest), atol=1e-3)
    assert {hit.measure for hit in hits} == {"cosine" if greatest else "euclidean"}


def test_ten_documents_are_the_first_of_all(artifacts):
    index = DocumentIndex.open("lsa-4", artifacts)
    everything = index.search(QUERY, 100)
    assert index.search(QUERY) == everything[:10]
    assert index.search(QUERY, 1) == everything[:1]


def test_words_stay_sparse(artifacts):
    codes = DocumentIndex.open("tfidf", artifacts).documents.codes
    assert issparse(codes)
    assert codes.format == "csr"
    np.testing.assert_allclose(np.sqrt((codes * codes).sum(axis=1)), 1, rtol=1e-6)


@pytest.mark.parametrize("number", [7, 70, 99])
def test_a_documents_own_text_finds_it(number, artifacts, notes):
    line = (artifacts.parent / "notes.jsonl").read_text().splitlines()[number]
    raw = json.loads(line)
    first, *others = DocumentIndex.open("tfidf", artifacts).search(f"{raw['title']} {raw['body']}")
    same = [hit for hit in others if hit.score > 0.99999]  # with the same words as often
    assert first.score == pytest.approx(1)
    [found] = [hit for hit in [first, *same] if hit.id == str(number)]
    assert (found.title, found.labels) == (raw["title"], tuple(raw["labels"]))
    split = next(s for s in SPLITS if found.id in {r["id"] for r in Corpus(notes).records(s)})
    assert found.split == split


def test_of_equal_documents_the_first_come_first():
    values = np.array([3, 1, 2, 1, 1, 2], dtype=np.float32)
    assert smallest(values, 2).tolist() == [1, 3]
    assert smallest(values, 4).tolist() == [1, 3, 4, 2]
    assert smallest(values, 9).tolist() == [1, 3, 4, 2, 5, 0]


def test_a_code_of_zeros_is_like_none(notes):
    codes = csr_array(([1.0], ([1], [0])), shape=(3, notes.features), dtype=np.float32)
    records = [{"id": i, "title": "", "date": None, "labels": [], "split": "test"} for i in "abc"]
    weighting = Weighting("counts", torch.ones(notes.features))
    index = DocumentIndex.of(EncodedDocuments(Stack([], weighting), Corpus(notes), codes, records))
    term = Corpus(notes).vocabulary["terms"][0]
    assert [(hit.id, hit.score) for hit in index.search(term)] == [("b", 1), ("a", 0), ("c", 0)]


def test_sequences_are_searched_by_their_own_words(artifacts, notes):
    corpus, path = Corpus(notes), notes.folder / "vocabulary.json"
    vocabulary = json.loads(path.read_text())
    path.write_text(json.dumps(vocabulary | {"words": vocabulary["words"][:3]}))
    torch.manual_seed(0)
    stack = Stack([SequenceLayer(SequenceSpec(inputs=6, units=3, width=8))]).eval()
    texts = [" ".join(corpus.vocabulary["words"][:3]), corpus.vocabulary["words"][0]]
    with torch.inference_mode():
        codes = [stack.encode(torch.from_numpy(corpus.sequences_of([t])[:])) for t in texts]
    records = [{"id": i, "title": "", "date": None, "labels": [], "split": "test"} for i in "ab"]
    index = DocumentIndex.of(EncodedDocuments(stack, corpus, torch.cat(codes).numpy(), records))
    for text, name in zip(texts, "ab", strict=True):
        hits = index.search(text)
        assert (hits[0].id, hits[0].score) == (name, pytest.approx(1))
    assert index.unknown(vocabulary["words"][3]) == [vocabulary["words"][3]]


def test_unknown_words_are_named_once_and_stop_words_are_not(artifacts):
    index = DocumentIndex.open("lsa-4", artifacts)
    assert index.unknown("The Zebra and the CRUDE zebra, 1987: yak") == ["zebra", "yak"]
    assert index.unknown("") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("zebra yak", "query 'zebra yak': none of its words is among the 14 terms of 'notes', "
         "found zebra, yak; use other words"),
        ("the 1987", "query 'the 1987': none of its words is among the 14 terms of 'notes', "
         "found only stop words, numbers and single letters; use other words"),
        (" \n", "query: must not be empty; say what the documents are about"),
    ],
)  # fmt: skip
def test_a_query_without_a_known_word_is_told(text, line, artifacts):
    with pytest.raises(UserError) as told:
        DocumentIndex.open("lsa-4", artifacts).search(text)
    assert str(told.value) == line


def test_a_long_query_is_not_repeated_whole(artifacts):
    words = [f"z{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
    with pytest.raises(UserError, match="and 56 more; use") as told:
        DocumentIndex.open("lsa-4", artifacts).search("\n".join(words))
    assert len(str(told.value)) < 250
    assert "\n" not in str(told.value)


def test_fewer_than_one_document_is_told(artifacts):
    with pytest.raises(UserError, match="count: must be at least 1, found 0"):
        DocumentIndex.open("lsa-4", artifacts).search(QUERY, 0)


def without_codes(folder):
    (folder / "evaluation" / "lsa-4" / "codes.npz").unlink()


def cut_codes(folder):
    path = folder / "evaluation" / "lsa-4" / "codes.npz"
    path.write_bytes(path.read_bytes()[:500])


def fewer_codes(folder):
    codes = {split: np.zeros((20, 4), dtype=np.float32) for split in SPLITS}
    np.savez(folder / "evaluation" / "lsa-4" / "codes.npz", **codes)


def other_vocabulary(folder):
    path = folder / "prepared" / "notes" / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shape": [11]}))


def without_documents(folder):
    shutil.rmtree(folder / "prepared" / "notes")


def on_images(folder):
    path = folder / "prepared" / "notes" / "meta.json"
    shutil.copytree(path.parent, folder / "prepared" / "letters")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kind": "idx"}))
    model = folder / "models" / "tfidf" / "model.json"
    model.write_text(model.read_text().replace('"notes"', '"letters"'))


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (without_codes, r"lsa-4/codes.npz: this variant was not evaluated yet; "
         r"run: dvc repro evaluate@lsa-4$"),
        (cut_codes, r"lsa-4/codes.npz: cannot be read \(.*\); run: dvc repro evaluate@lsa-4$"),
        (fewer_codes, r"lsa-4/codes.npz: must have codes \(60, 4\) of the train documents, "
         r"found \(20, 4\), which are stale; run: dvc repro evaluate@lsa-4$"),
        (other_vocabulary, r"prepared/notes: no usable prepared data here \(meta.json: shape: must "
         r"be the 14 terms of vocabulary.json, found \(11,\)\); run: dvc repro --force "
         r"prepare@notes$"),
        (without_documents, r"notes/meta.json: no prepared data here .*dvc repro prepare@notes$"),
        (on_images, r"models/lsa-4: must be a variant on documents to search them, "
         r"found images \(notes\); there is tfidf$"),
    ],
)  # fmt: skip
def test_artifacts_that_do_not_fit_are_told(spoil, line, artifacts):
    spoil(artifacts)
    with pytest.raises(UserError, match=line):
        DocumentIndex.open("lsa-4", artifacts)


def test_without_params_the_trained_variants_are_offered(artifacts):
    with pytest.raises(UserError, match=r"models: unknown variant 'lsa-8'; there is lsa-[24], lsa"):
        DocumentIndex.open("lsa-8", artifacts)
    with pytest.raises(UserError, match=r"unknown variant 'x'; there is lsa-2, lsa-4, tfidf$"):
        DocumentIndex.open("x", artifacts)
    with pytest.raises(UserError, match=r"none/models: unknown variant 'x'; there is none$"):
        DocumentIndex.open("x", artifacts / "none")


def test_with_params_those_of_params_are_offered(artifacts):
    (artifacts.parent / "params.yaml").write_text(
        "datasets: {notes: {kind: documents, path: notes.jsonl}}\n"
        "variants:\n"
        "  text-3: {data: notes, input: prepared/notes, weights: binary, sizes: [3]}\n"
    )
    with pytest.raises(UserError, match=r"^params.yaml: variants: unknown .*; there is text-3$"):
        DocumentIndex.open("text-33", artifacts)
    line = r"models/text-3: not trained yet; run: ae flow text-3$"
    with pytest.raises(UserError, match=line):
        DocumentIndex.open("text-3", artifacts)


def test_json_is_the_librarys_hits(artifacts, capsys, monkeypatch):
    arguments = ("lsa-4", QUERY, "zebra", "-n", 3, "--json")
    assert ae(*arguments, monkeypatch=monkeypatch) == 0
    output, errors = capsys.readouterr()
    hits = DocumentIndex.open("lsa-4").search(QUERY, 3)
    assert json.loads(output) == [asdict(hit) | {"labels": list(hit.labels)} for hit in hits]
    assert errors == "ae: not among the 14 terms of 'notes': zebra\n"


@pytest.mark.parametrize(("name", "measure"), [("lsa-4", "cosine"), ("lsa-2", "euclidean")])
def test_the_table_names_the_measure(name, measure, artifacts, capsys, monkeypatch):
    assert ae(name, QUERY, "--count", 2, monkeypatch=monkeypatch) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == [measure, "date", "topics", "title"]
    assert [line.split()[0] for line in lines] == ["1", "2"]


def test_a_file_is_a_query(artifacts, tmp_path, capsys, monkeypatch):
    (tmp_path / "query.txt").write_text("\ufeffcrude barrel\nsays wheat", encoding="utf-8")
    ae("lsa-4", "--file", tmp_path / "query.txt", "--json", monkeypatch=monkeypatch)
    from_file = capsys.readouterr().out
    ae("lsa-4", QUERY, "--json", monkeypatch=monkeypatch)
    assert from_file == capsys.readouterr().out


def test_a_query_in_another_encoding_is_guessed_and_said(artifacts, tmp_path, capsys, monkeypatch):
    (tmp_path / "query.txt").write_bytes("“crude barrel” says wheat".encode("cp1252"))
    ae("lsa-4", "--file", tmp_path / "query.txt", "--json", monkeypatch=monkeypatch)
    from_file, said = capsys.readouterr()
    assert said.endswith("query.txt: should be UTF-8, found other bytes; read as cp1252\n")
    ae("lsa-4", QUERY, "--json", monkeypatch=monkeypatch)
    assert from_file == capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "search: needs a query or --file, found neither; give one of them"),
        (("oil", "-f", "empty.txt"), "search: needs a query or --file, found both; "
         "give one of them"),
        (("-f", "absent.txt"), "absent.txt: cannot be read (No such file or directory); "
         "name a text file"),
        (("-f", "empty.txt"), "empty.txt: must have the text to search for, found none; fill it"),
        (("-f", "nul.txt"), "nul.txt: must be text, found a NUL at character 5; save it "
         "as UTF-8 text"),
        (("",), "query: must not be empty; say what the documents are about"),
    ],
)  # fmt: skip
def test_a_persons_mistake_is_one_line(arguments, line, artifacts, capsys, monkeypatch):
    Path("empty.txt").write_text("\n \n")
    Path("nul.txt").write_bytes(b"oil\n\0")
    assert ae("lsa-4", *arguments, monkeypatch=monkeypatch) == 2
    output, errors = capsys.readouterr()
    assert (output, errors) == ("", f"ae: {line}\n")


HITS = [
    Hit(9, 0.12345, "cosine", "1", "A title of 小麦 that is\n\x1b[31mlong", None, (), "train"),
    Hit(10, -0.5, "cosine", "2", "", "1987-04-07", ("grain", "wheat", "corn", "oilseed"), "test"),
]


def test_the_table_is_whole_without_a_terminal():
    assert list(table(HITS, None)) == [
        "    cosine  date        topics                       title",
        " 9   0.123  -           -                            A title of 小麦 that is [31mlong",
        "10  -0.500  1987-04-07  grain, wheat, corn, oilseed  -",
    ]


@pytest.mark.parametrize(("width", "reached"), [(72, 71), (71, 71), (70, 70), (30, 70)])
def test_the_table_fits_the_terminal(width, reached):
    _, first, second = table(HITS, width)
    assert cell_len(first) == reached  # no space before the ellipsis
    assert first.endswith("…")
    assert second == "10  -0.500  1987-04-07  grain, wheat, corn, oil…  -"


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def test_a_terminal_gets_what_it_can_show(artifacts, monkeypatch):
    for path in (artifacts / "prepared" / "notes").glob("*_documents.jsonl"):
        path.write_text(path.read_text().replace("Note", "Ño" + "o" * 50))
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(shown, encoding="ascii", write_through=True))
    monkeypatch.setenv("COLUMNS", "60")
    assert ae("lsa-4", QUERY, monkeypatch=monkeypatch) == 0
    _, *lines = shown.getvalue().decode("ascii").splitlines()
    assert len(lines) == 10
    assert all("?ooooo" in line and line.endswith("o?") and len(line) == 60 for line in lines)
