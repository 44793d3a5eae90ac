"""What DVC costs when nothing has changed: this commit beside an older one, in turns.

    python benchmarks/dvc_overhead.py OLDER [NEWER]

Both commits are checked out beside each other with small stand-ins for all artifacts and data, of
which DVC is told (`dvc commit`) that they are what the stages made.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

ROOT = Path(__file__).parents[1]
DVC = (sys.executable, "-m", "dvc")
COMMANDS = (("status",), ("repro",))
TURNS = 5


def run(*command: str, at: Path) -> str:
    """The output of a command that ends well."""
    done = subprocess.run(command, cwd=at, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def checkout(commit: str, folder: Path) -> Path:
    """A commit with stand-ins for what git does not have, and nothing to be done."""
    run("git", "worktree", "add", "--quiet", "--detach", str(folder), commit, at=ROOT)
    stages = yaml.safe_load((folder / "dvc.lock").read_text())["stages"].values()
    outs = [out for stage in stages for out in stage.get("outs", [])]
    outs += yaml.safe_load((folder / "data.dvc").read_text())["outs"]
    for out in outs:
        path = folder / out["path"]
        if path.exists():
            continue
        if out["md5"].endswith(".dir"):
            path.mkdir(parents=True)
            for number in range(3):
                (path / f"{number}.npy").write_text(f"{path} {number}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(path))
    (folder / "data" / "reuters" / "documents.jsonl").write_text("{}")  # a dependency by itself
    run(*DVC, "commit", "--force", "--quiet", at=folder)
    said = run(*DVC, "status", at=folder)
    if "up to date" not in said:
        raise SystemExit(f"{commit}: not up to date:\n{said}")
    return folder


def seconds(folder: Path, command: tuple[str, ...]) -> float:
    """How long a DVC command takes."""
    began = time.perf_counter()
    run(*DVC, *command, at=folder)
    return time.perf_counter() - began


def main(older: str, newer: str = "HEAD") -> None:
    """Print the medians and their ratio."""
    with tempfile.TemporaryDirectory() as temporary:
        try:
            folders = [checkout(commit, Path(temporary) / commit) for commit in (older, newer)]
            for command in COMMANDS:
                turns = [[seconds(folder, command) for folder in folders] for _ in range(TURNS)]
                before, after = (median(column) for column in zip(*turns, strict=True))
                print(
                    f"dvc {' '.join(command)}: {older} {before:.1f} s, {newer} {after:.1f} s, "
                    f"ratio {after / before:.2f}"
                )
        finally:
            for commit in (older, newer):
                subprocess.run(
                    ["git", "worktree", "remove", "--force", str(Path(temporary) / commit)],
                    cwd=ROOT,
                    capture_output=True,
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
