"""A project of small data with every kind of data set, layer, variant and classifier."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from tests.conftest import bars, note
from tests.pipelines.stages.test_stages_killed import write_idx

ONCE = {"epochs": 1, "batch_size": 16}
IMAGES = {"data": "strokes", "input": "prepared/strokes"}
COLOURED = {"data": "colours", "input": "prepared/colours"}
TEXTS = {"data": "notes", "input": "prepared/notes", "weights": "tfidf"}

DATASETS: dict[str, Any] = {
    "strokes": {"kind": "idx", "path": "raw/strokes", "validation": 24},
    "colours": {"kind": "npy", "path": "raw/colours", "validation": 8},
    "photos": {"kind": "folder", "path": "raw/photos", "size": [8, 8], "validation": 4},
    "notes": {
        "kind": "documents",
        "path": "raw/notes.jsonl",
        "validation": 20,
        "queries": {"crude barrel": ["oil"]},
    },
}
LAYERS: dict[str, Any] = {
    "plain": {**IMAGES, "units": 16},
    "top": {"data": "strokes", "input": "layers/plain", "units": 4, "contractive": 0.1},
    "tied": {**IMAGES, "kind": "tied", "units": 80, "l1": 0.1, "corruption": {"mask": 0.2}},
    "machine": {**IMAGES, "kind": "rbm", "units": 8, "activation": "sigmoid"},
    "switches": {**IMAGES, "kind": "conv", "units": 4, "unpooling": "switches"},
    "transposed": {**IMAGES, "kind": "conv", "units": 4, "unpooling": "transposed"},
    "seen": {
        **COLOURED,
        "kind": "conv",
        "units": 4,
        "output": "linear",
        "whiten": 0.2,
        "views": {"shift": 1, "agreement": 0.1},
    },
    "words": {**TEXTS, "units": 8, "output": "softmax"},
}
VARIANTS: dict[str, Any] = {
    "deep": {"data": "strokes", "input": "layers/top", "corruption": {"gaussian": 0.1}},
    "scratch": {**IMAGES, "sizes": [8, 2], "l2": 0.1, "train": {"optimizer": "adamw"}},
    "linear": {**IMAGES, "kind": "pca", "sizes": [4]},
    "repeated": {"data": "strokes", "input": "layers/machine", "train": {"optimizer": "sgd"}},
    "with-switches": {"data": "strokes", "input": "layers/switches", "sizes": [4]},
    "photographed": {"data": "photos", "input": "prepared/photos", "sizes": [4]},
    "found": {
        "data": "colours",
        "input": "layers/seen",
        "sizes": [4],
        "code_activation": "unit",
        "views": {"crop": 0.5, "flip": True, "colour": 0.2, "agreement": 1.0},
    },
    "raw": {**COLOURED, "kind": "vectors"},
    "topics": {
        "data": "notes",
        "input": "layers/words",
        "sizes": [2],
        "neighbours": {"count": 2, "share": 0.5},
    },
    "bits": {**TEXTS, "sizes": [4], "output": "softmax", "code_activation": "binary"},
    "semantic": {**TEXTS, "kind": "lsa", "sizes": [2]},
    "bag": {**TEXTS, "kind": "vectors"},
    "order": {
        "data": "notes",
        "input": "prepared/notes",
        "kind": "sequence",
        "sizes": [4],
        "sequence": {"width": 8, "blocks": 1},
    },
}
CLASSIFIERS: dict[str, Any] = {
    "few": {
        "data": "strokes",
        "input": "layers/plain",
        "labels": [8, "all"],
        "seeds": 1,
        "seeds_of_all": 1,
        "dropout": 0.1,
        "smoothing": 0.1,
        "moves": {"shift": 1, "rotate": 10, "scale": 0.1, "shear": 0.1},
        "train": {"epochs": 1, "batch_size": 8, "draws": 16},
    },
    "semi": {
        "data": "strokes",
        "input": "layers/plain",
        "starts": ["pretrained"],
        "labels": [8],
        "seeds": 1,
        "unlabelled": {
            "reconstruction": 0.1,
            "moves": {"shift": 1},
            "corruption": {"salt-and-pepper": 0.2},
        },
        "train": {"epochs": 1, "batch_size": 8, "draws": 16},
    },
}


def write_project(folder: Path) -> dict[str, Any]:
    """Raw data and params.yaml in ``folder``; returns what params.yaml says."""
    raw = folder / "raw"
    (raw / "strokes").mkdir(parents=True)
    (raw / "colours").mkdir()
    for seed, (prefix, examples) in enumerate({"train": 120, "t10k": 32}.items()):
        images, labels = bars(examples, seed)
        write_idx(raw / "strokes" / f"{prefix}-images-idx3-ubyte", images)
        write_idx(raw / "strokes" / f"{prefix}-labels-idx1-ubyte", labels)
    for seed, (part, examples) in enumerate({"train": 40, "test": 16}.items()):
        images, labels = bars(examples, seed)
        np.save(raw / "colours" / f"{part}_images.npy", np.stack([images] * 3, -1))
        np.save(raw / "colours" / f"{part}_labels.npy", labels)
    for number, (image, label) in enumerate(zip(*bars(24, 3), strict=True)):
        (raw / "photos" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(raw / "photos" / str(label) / f"{number}.png")
    notes = "".join(json.dumps(note(number)) + "\n" for number in range(100))
    (raw / "notes.jsonl").write_text(notes)
    for item in (*LAYERS.values(), *VARIANTS.values()):
        item["train"] = ONCE | item.get("train", {})
    params = {
        "datasets": DATASETS,
        "layers": LAYERS,
        "variants": VARIANTS,
        "repeats": {"variants": ["deep", "scratch"], "seeds": [0], "epochs": 1},
        "classifiers": CLASSIFIERS,
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return params
