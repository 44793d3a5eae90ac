"""What a variant needs to be used far from its project: a small ``artifacts/`` of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ae_lightning.data.prepared import Prepared
from pipelines import champions, identity

DIGEST = "served.digest"
META = "meta.json"
PREPARED = {"documents": (META, "vocabulary.json")}
"""What a model in use reads of prepared data, by their kind; of images ``meta.json`` alone."""


@contextmanager
def bundle(name: str, artifacts: Path) -> Iterator[Path]:
    """A temporary folder with links to the files of variant ``name`` and of its prepared data.

    Raises:
        UserError: The prepared data are absent.
    """
    model = artifacts / "models" / name
    described = json.loads((model / "model.json").read_text(encoding="utf-8"))
    data = Prepared.open(artifacts / "prepared" / str(described["data"]))
    files = [path for path in model.iterdir() if path.is_file()]
    files += [data.folder / file for file in PREPARED.get(data.kind, (META,))]
    with TemporaryDirectory(prefix="ae-served-") as temporary:
        folder = Path(temporary) / "artifacts"
        for file in files:
            place = folder / file.relative_to(artifacts)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file.absolute())
        yield folder


def tags(name: str, artifacts: Path) -> dict[str, str]:
    """What the registry says of variant ``name`` once it knows it as it is now.

    Those by which champions are chosen, and the digest of what is served.

    Raises:
        UserError: The prepared data are absent.
    """
    with bundle(name, artifacts) as folder:
        digest = identity.digest(folder)
    facts = champions.facts(artifacts / "models" / name, artifacts / "evaluation" / name)
    return {**facts, DIGEST: digest}
