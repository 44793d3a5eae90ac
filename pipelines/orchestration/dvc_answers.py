"""A program that reads a DVC project once and answers questions about it, a line of JSON each.

First it prints the graph: every stage's address with those it depends on directly. Then it reads a
line with the addresses of some stages, and prints those of them that DVC finds changed. It is a
process of its own, so that DVC's import, of seconds, is never part of ours.
"""

import gc
import json
import sys

from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo
from dvc.stage import PipelineStage


def main() -> None:
    """Answer, and end with 1 and DVC's own words where it cannot read the project."""
    gc.disable()  # all that is read stays to the end: looking for garbage takes a fifth of the time
    try:
        repo = Repo()
        graph = repo.index.graph
        stages = {each.addressing: each for each in graph if isinstance(each, PipelineStage)}
        above = {
            name: [each.addressing for each in graph.successors(stage) if each.addressing in stages]
            for name, stage in stages.items()
        }
        print(json.dumps(above), flush=True)
        for line in sys.stdin:
            # Not `repo.status(targets=...)`: that parses dvc.lock anew for each target.
            with lock_repo(repo):
                changed = [name for name in json.loads(line) if stages[name].status()]
            print(json.dumps(changed), flush=True)
    except DvcException as error:
        reasons: list[str] = []
        cause: BaseException | None = error
        while cause is not None:
            reasons.append(str(cause))
            cause = cause.__cause__
        sys.exit(f"ERROR: {' - '.join(filter(None, reasons))}")


if __name__ == "__main__":
    main()
