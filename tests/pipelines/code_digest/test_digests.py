"""code.yaml: what is in it, how DVC reads it, and what becomes of a broken or stale one."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ae_lightning.config.layers import Layer
from ae_lightning.config.variants import Variant
from ae_lightning.errors import UserError
from pipelines.code_digest import digests
from pipelines.code_digest.digests import FILE, Project, settings_on
from pipelines.code_digest.source import Source
from tests.pipelines.code_digest.conftest import dvc
from tests.pipelines.conftest import run_flow

ROOT = Path(__file__).parents[3]
AE = str(Path(sys.executable).with_name("ae"))


def said() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text()))


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    """What code.yaml has to say, of the project's own params.yaml."""
    return dict(digests.content(Project.load(ROOT / "params.yaml"), Source()))


def test_every_item_of_every_stage_of_dvc_yaml_has_a_digest(content: dict[str, Any]) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert set(content) == {"versions", *stages} - {"code"}
    for stage, definition in stages.items():
        if (table := definition.get("foreach", "")[2:-1]) in params:
            assert set(content[stage]) == set(params[table])
            used = definition["do"]["params"][-1]["code.yaml"]
            assert used == ["versions", f"{stage}.${{key}}"]
        elif stage not in ("code", "repeat"):
            assert definition["params"][-1]["code.yaml"] == ["versions", stage]


def test_code_yaml_in_git_is_that_of_the_code(content: dict[str, Any]) -> None:
    stale = "run `ae code` and see what became stale: `dvc status`"
    assert yaml.safe_load((ROOT / FILE).read_text()) == content, stale


def test_dvc_reads_every_digest_as_the_text_that_it_is(project: Path) -> None:
    """Hexadecimal digits alone are at times a number, as in 8e12, and then never equal."""
    from dvc.utils.serialize import dump_yaml, load_yaml

    digests.refresh()
    dump_yaml("copy.yaml", load_yaml(str(FILE)))
    assert load_yaml("copy.yaml") == load_yaml(str(FILE)) == said()
    tables = [table for table in said().values() if isinstance(table, dict)]
    assert all(isinstance(text, str) for table in tables for text in table.values())


def test_an_unchanged_file_is_not_written_again(project: Path) -> None:
    digests.refresh()
    before = FILE.stat().st_mtime_ns
    digests.refresh()
    assert FILE.stat().st_mtime_ns == before


def test_settings_that_are_off_are_left_out() -> None:
    layer = Layer(data="a", input="prepared/a", units=3)
    assert {"l1", "views", "weights", "corruption", "whiten"}.isdisjoint(settings_on(layer))
    on = settings_on(Layer(data="a", input="prepared/a", units=3, l1=0.1, whiten=0.0))
    assert (on["l1"], on["whiten"]) == (0.1, 0.0)  # whiten 0 centres; it is not off
    assert "shift" not in settings_on(layer)["train"]
    variant = Variant(data="a", input="prepared/a", sizes=(3,), train={"warmup": 0.0})
    assert settings_on(variant)["train"]["warmup"] == 0.0  # by default it is not


def change(params: dict[str, Any], *path: str, to: Any) -> None:
    for part in path[:-1]:
        params = params[part]
    params[path[-1]] = to


@pytest.mark.parametrize(
    ("path", "to", "stages"),
    [
        (("layers", "plain", "units"), 12, {"pretrain.plain", "repeat.deep"}),
        (("variants", "scratch", "train", "epochs"), 2, {"finetune.scratch", "repeat.scratch"}),
        (
            ("variants", "scratch", "sizes"),
            [8, 3],
            {"baseline.strokes", "finetune.scratch", "repeat.scratch"},
        ),
        (("classifiers", "semi", "smoothing"), 0.1, {"supervise.semi"}),
        (
            ("datasets", "strokes", "validation"),
            20,
            {"prepare.strokes", "repeat.deep", "repeat.scratch"},
        ),
        (
            ("variants", "scratch", "train", "optimizer"),
            "sgd",
            {"finetune.scratch", "repeat.scratch"},
        ),
    ],
)
def test_a_setting_changes_the_items_that_have_it(
    project: Path, path: tuple[str, ...], to: Any, stages: set[str]
) -> None:
    digests.refresh()
    before = said()
    params = yaml.safe_load(Path("params.yaml").read_text())
    change(params, *path, to=to)
    Path("params.yaml").write_text(yaml.safe_dump(params))
    digests.refresh()
    changed = {
        f"{stage}.{name}"
        for stage, items in said().items()
        for name, digest in (items.items() if isinstance(items, dict) else [])
        if before[stage][name] != digest
    }
    assert changed == stages


def hand_edited(text: str) -> str:
    return text.replace(said()["finetune"]["deep"], "sha256:0123456789abcdef")


def check(*stage: str) -> None:
    digest = digests.running(*stage)
    assert digest
    digests.check(digest, *stage)


BROKEN: dict[str, Callable[[str], str]] = {
    "edited by hand": hand_edited,
    "half-written": lambda text: text[: len(text) // 3],
    "no YAML": lambda text: "{" + text,
    "empty": lambda text: "",
    "a list": lambda text: "- 1",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_stage_refuses_a_code_yaml_of_other_code(
    project: Path, broken: Callable[[str], str]
) -> None:
    digests.refresh()
    check("finetune", "deep")
    FILE.write_text(broken(FILE.read_text()))
    with pytest.raises(UserError, match=r"code\.yaml: finetune\.deep: must be .* run `ae code`"):
        check("finetune", "deep")


def test_a_stage_refuses_without_code_yaml(project: Path) -> None:
    with pytest.raises(UserError, match=r"code\.yaml: report: must be"):
        check("report")


def test_a_mistake_in_params_yaml_is_told_first(project: Path) -> None:
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("units: 16", "unit: 16"))
    done = subprocess.run([AE, "code"], capture_output=True, text=True, cwd=project)
    assert done.returncode == 2
    assert done.stderr.startswith("ae: params.yaml: layers.plain.")
    assert len(done.stderr.splitlines()) == 1
    assert not FILE.exists()


def test_ae_code_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pipelines.code_digest import digests; digests.content("
        "digests.Project.load(), digests.Source()); heavy = {'torch', 'numpy', 'lightning', "
        "'mlflow', 'prefect', 'dvc', 'sklearn'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_dvc_repro_mends_code_yaml_and_rebuilds_nothing(
    versioned: Path, broken: Callable[[str], str]
) -> None:
    good = FILE.read_text()
    FILE.write_text(broken(good))
    done = dvc("repro", "prepare@strokes")
    assert done.returncode == 0, done.stderr
    assert FILE.read_text() == good
    assert "Stage 'prepare@strokes' didn't change, skipping" in done.stdout


@pytest.mark.slow
def test_a_flow_brings_code_yaml_up_to_date_first(
    versioned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-written it would be no YAML; of other code every stage would be looked at apart."""
    monkeypatch.setenv("PREFECT_HOME", str(versioned / ".prefect"))
    good = FILE.read_text()
    for broken in (good[: len(good) // 3], hand_edited(good)):
        FILE.write_text(broken)
        code, output = run_flow(versioned, "prepare@strokes")
        assert code == 0, output
        assert FILE.read_text() == good
        assert "prepare@strokes is up to date (2 stages, " in output


@pytest.mark.slow
def test_another_variant_computes_the_baseline_anew_and_no_other_evaluation(
    versioned: Path,
) -> None:
    text = Path("params.yaml").read_text()
    assert dvc("repro", "evaluate@linear").returncode == 0
    params = yaml.safe_load(text)
    params["variants"]["more"] = params["variants"]["linear"] | {"sizes": [5]}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    done = dvc("repro", "evaluate@linear")
    Path("params.yaml").write_text(text)
    assert done.returncode == 0, done.stderr
    assert "Running stage 'baseline@strokes'" in done.stdout
    assert "Stage 'evaluate@linear' didn't change, skipping" in done.stdout


@pytest.mark.slow
def test_a_single_stage_with_a_stale_code_yaml_is_refused_when_it_runs(versioned: Path) -> None:
    FILE.write_text(FILE.read_text().replace("strokes: sha256:", "strokes: sha256:0"))
    done = dvc("repro", "--single-item", "prepare@strokes")
    assert done.returncode != 0
    assert "ae: code.yaml: prepare.strokes: must be the digest of the code that runs" in done.stderr
    assert dvc("repro", "prepare@strokes").returncode == 0  # with `code` first: from DVC's cache
    assert (versioned / "artifacts" / "prepared" / "strokes" / "meta.json").exists()


@pytest.mark.slow
def test_an_experiment_with_another_setting_rebuilds_its_items(versioned: Path) -> None:
    # The last of these tests: it leaves another params.yaml.
    for command in (
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"],
    ):
        subprocess.run(["git", *command], check=True)
    done = dvc("exp", "run", "-S", "datasets.strokes.validation=20", "prepare@strokes")
    assert done.returncode == 0, done.stderr
    assert "Running stage 'prepare@strokes'" in done.stdout
    labels = np.load(versioned / "artifacts" / "prepared" / "strokes" / "validation_labels.npy")
    assert len(labels) == 20
