"""A program that reads a DVC project once and answers questions about it, a line of JSON each.

First it prints the graph: every stage's address with those it depends on directly. Then it reads a
line with the addresses of some stages, and prints those of them that DVC finds changed. It is a
process of its own, so that DVC's import, of seconds, is never part of ours.
"""

import json
import sys

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage


def main() -> None:
    """Answer, and end with 1 and DVC's own words where it cannot read the project."""
    try:
        repo = Repo()
        graph = repo.index.graph
        stages = [stage for stage in graph if isinstance(stage, PipelineStage)]
        above = {
            stage.addressing: [
                each.addressing for each in graph.successors(stage) if each in stages
            ]
            for stage in stages
        }
        print(json.dumps(above), flush=True)
        for line in sys.stdin:
            print(json.dumps(list(repo.status(targets=json.loads(line)))), flush=True)
    except DvcException as error:
        reasons: list[str] = []
        cause: BaseException | None = error
        while cause is not None:
            reasons.append(str(cause))
            cause = cause.__cause__
        sys.exit(f"ERROR: {' - '.join(filter(None, reasons))}")


if __name__ == "__main__":
    main()
