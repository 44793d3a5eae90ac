"""The page as a file: complete whatever is measured, safe whatever is written in the data."""

import base64
import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ae_lightning.config.params import load
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.training.curve import LearningCurve
from pipelines.report import examples as page_examples
from pipelines.report.build import write_page
from pipelines.report.claims.verdicts import CLAIMS
from pipelines.report.curves import learning, recall
from pipelines.report.embed import COLUMNS, picture, sheet
from tests.pipelines.report.samples import CHAMPIONS

ROOT = Path(__file__).parents[3]


def decoded(uri):
    kind, _, content = uri.partition(",")
    assert kind == "data:image/webp;base64"
    return Image.open(BytesIO(base64.b64decode(content)))


def shown(html):
    """What the page's script draws."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    return json.loads(found[1])


def test_a_project_in_which_nothing_was_measured_has_a_page(tmp_path):
    write_page(load(ROOT / "params.yaml"), tmp_path / "artifacts", [], "", tmp_path / "index.html")
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert html.count('data-verdict="not measured"') == len(CLAIMS)  # 19, a chip
    assert "dvc repro evaluate@deep-30" in html
    drawn = shown(html)
    assert not any(drawn[key] for key in ("planes", "examples", "curves", "recall", "gallery"))


def test_what_is_committed_makes_a_page_of_a_bearable_size(tmp_path):
    write_page(load(ROOT / "params.yaml"), ROOT / "artifacts", [], "", tmp_path / "index.html")
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert len(html.encode()) < 10e6
    for claim in CLAIMS:
        assert f'id="claim-{claim.number.replace("+", "plus")}"' in html
    assert "not measured" not in html
    assert {"pca-2", "deep-2-l2", "text-2"} <= set(shown(html)["planes"])
    assert not re.search(r'(?:src|href)="(?!data:|#|\{|")', html.partition("<script")[0])


def test_the_same_results_make_the_same_bytes(page, artifacts, tmp_path):
    write_page(load(ROOT / "params.yaml"), artifacts, CHAMPIONS, "", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_the_best_of_a_task_stands_with_its_rule_and_test_figure(page):
    html = page.read_text(encoding="utf-8")
    assert ">See digits in the plane</h3>" in html
    assert "the greatest; on the test part 0.84</p>" in html


def test_nothing_written_in_the_data_ends_the_script(monkeypatch, artifacts, tmp_path):
    title = 'Wheat </script><script>alert("x")</script> & <b>maize</b>'
    monkeypatch.setattr(page_examples, "_images", lambda data, count: {"titles": [title]})
    rule = [{"task": "<i>t</i>", "variant": "v", "rule": "r"}]
    write_page(load(ROOT / "params.yaml"), artifacts, rule, "", tmp_path / "index.html")
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert shown(html)["examples"]["mnist"]["titles"] == [title]
    assert "alert(" not in html.replace("\\u003cscript>alert(", "")
    assert "<i>t</i>" not in html
    assert "&lt;i&gt;t&lt;/i&gt;" in html


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3)])
def test_every_image_lies_where_the_sheet_says(shape):
    images = np.random.default_rng(0).integers(0, 256, (2 * COLUMNS + 3, 1, *shape[2:]))
    flat = np.broadcast_to(images[:, :, None], (len(images), *shape[:2], *shape[2:]))
    found = sheet(flat.astype(np.uint8), shape)
    assert (found["count"], found["width"], found["height"]) == (len(images), 6, 4)
    whole = np.asarray(decoded(found["uri"]).convert("RGB")).astype(int)
    for place in (0, COLUMNS - 1, COLUMNS, len(images) - 1):
        left, top = place % found["columns"] * 6, place // found["columns"] * 4
        seen = whole[top : top + 4, left : left + 6].mean((0, 1))
        assert np.abs(seen - images[place].ravel()).max() < 45  # WebP is lossy, its colours coarse


def test_a_wide_picture_is_made_smaller_and_keeps_its_shape(tmp_path):
    Image.new("RGB", (900, 300), "white").save(tmp_path / "wide.png")
    found = picture(tmp_path / "wide.png", "a caption", 300)
    assert (found["width"], found["height"], found["caption"]) == (300, 100, "a caption")
    assert decoded(found["uri"]).size == (300, 100)
    assert picture(tmp_path / "wide.png", "")["width"] == 900


def test_learning_counts_pretraining_and_names_what_is_absent(tmp_path):
    params = load(ROOT / "params.yaml")
    row = {"train/loss": 1.0, "val/loss": 5.0, "val/sse": 7.0}
    for place, name in enumerate(("finetune/deep-30", *(f"pretrain/{one}" for one in LAYERS))):
        rows = [{"epoch": epoch, "seconds": 10.0**place * epoch, **row} for epoch in (1, 2)]
        LearningCurve(rows).write(tmp_path / f"{name}.csv")
    measured = {
        name: {"code": {"size": 30}, "training": {"seconds": 1}} for name in ("deep-30", "tied-30")
    }
    found = learning(params, measured, tmp_path)["mnist, 30 numbers"]
    before = 2 * (10 + 100 + 1000 + 10000)
    assert found["lines"] == {
        "deep-30": {"epoch": [1, 2], "seconds": [before + 1, before + 2], "error": [7, 7]}
    }
    assert found["absent"] == ["tied-30"]


LAYERS = ("mnist-1", "mnist-2", "mnist-3", "mnist-30")


def test_families_differ_by_their_last_number():
    curve = {"retrieval": {"precision_at_recall": {"1.0": 0.1, "0.1": 0.5}}}
    names = ("lsa-2", "tfidf", "lsa-10", "text-128-alone")
    found = recall(dict.fromkeys(names, curve) | {"pca-2": {}})
    assert [(line["variant"], line["family"], line["member"]) for line in found] == [
        ("lsa-2", "lsa", 0),
        ("tfidf", "tfidf", 0),
        ("lsa-10", "lsa", 1),
        ("text-128-alone", "text-128-alone", 0),
    ]
    assert (found[0]["recall"], found[0]["precision"]) == ([0.1, 1.0], [0.5, 0.1])


def test_images_and_titles_are_those_of_the_points(artifacts):
    params = load(ROOT / "params.yaml")
    planes = page_examples.planes(params, artifacts / "evaluation")
    found = page_examples.examples(params, planes.values(), artifacts / "prepared")
    assert list(found) == ["mnist"]  # the only one that is prepared here
    data = PreparedDataset.open(artifacts / "prepared" / "mnist")
    assert found["mnist"]["sheet"]["count"] == len(data.inputs("test")) == 1000
    assert planes["deep-2-l2"]["decoded"]["uri"].startswith("data:image/webp")
    assert page_examples.strokes(params) == ["mnist"]
