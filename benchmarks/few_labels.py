"""How a classifier's settings were chosen: by cross-validation within the labels of its budget.

    python benchmarks/few_labels.py classifier-dn --labels 100 1000 --set train.learning_rate=5e-4

Of a run's labelled images a fifth, balanced as they are, is left out in turn and answered by a net
that was taught by the others; no other label is used, and nothing of the test part. Wrong answers
are counted over folds and seeds. Each call adds its figures to ``few_labels.json``, with all
settings that are not the defaults.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from ae_lightning.config.classifiers import Classifier, Run, load_classifiers
from ae_lightning.config.environment import environment
from ae_lightning.config.params import pick
from ae_lightning.data.labelled import chosen
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.evaluation.classifiers import answers
from ae_lightning.files import rounded, write_json
from ae_lightning.nn import checkpoint
from ae_lightning.training.sweep import Sweep

RESULTS = Path(__file__).with_suffix(".json")
FOLDS = 5


def changed(classifier: Classifier, settings: list[str]) -> Classifier:
    """The classifier with ``path.to.key=value`` for each of ``settings``."""
    tree: dict[str, Any] = classifier.model_dump(exclude_unset=True)
    for setting in settings:
        path, _, value = setting.partition("=")
        *above, key = path.split(".")
        place = tree
        for name in above:
            place = place.setdefault(name, {})
        place[key] = yaml.safe_load(value)
    return Classifier.model_validate(tree)


def folds(labels: NDArray[Any], seed: int) -> NDArray[np.intp]:
    """The fold of each example, each class spread evenly over them."""
    random, fold = np.random.default_rng(seed), np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        fold[places] = np.arange(len(places)) % FOLDS
    return fold


def wrong(sweep: Sweep, run: Run, count: int) -> tuple[int, int]:
    """Wrong answers of the first ``count`` folds, and answers."""
    labels, images = sweep.data.labels("train"), sweep.data.inputs("train")
    places = chosen(np.asarray(labels), run.labels, run.seed)
    fold, total, mistakes = folds(labels[places], run.seed), 0, 0
    for number in range(count):
        module, _ = sweep.teach(run, places[fold != number])
        asked = places[fold == number]
        said = answers(module.result.eval(), torch.from_numpy(images[asked]), sweep.environment)
        mistakes += int((said != labels[asked]).sum())
        total += len(asked)
    return mistakes, total


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("classifier")
    options.add_argument("--starts", nargs="+", default=["pretrained"])
    options.add_argument("--labels", nargs="+", type=int, default=[100, 1000])
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--folds", type=int, default=FOLDS)
    options.add_argument("--set", nargs="+", default=[], dest="settings")
    asked = options.parse_args()
    classifier = changed(pick(load_classifiers(), asked.classifier, "classifier"), asked.settings)
    data = PreparedDataset.open(Path("artifacts/prepared") / classifier.data)
    sweep = Sweep(
        asked.classifier, classifier, checkpoint.load_input(classifier.input), data, environment()
    )
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for start in asked.starts:
        for labels in asked.labels:
            runs = [Run(start, labels, seed) for seed in range(asked.seeds)]
            counts = np.array([wrong(sweep, run, asked.folds) for run in runs])
            mistakes, total = counts.sum(0)
            by_seed = counts[:, 0] / counts[:, 1]
            found = {
                "classifier": asked.classifier,
                "start": start,
                "labels": labels,
                "changed": asked.settings,
                "settings": classifier.model_dump(mode="json", exclude_defaults=True),
                "error": float(mistakes / total),
                "sd": float(by_seed.std(ddof=1)) if len(runs) > 1 else 0.0,
                "answers": int(total),
            }
            print(f"{start}, {labels} labels: error {found['error']:.4f}", flush=True)
            results.append(rounded(found))
    write_json(results, RESULTS)


if __name__ == "__main__":
    main()
