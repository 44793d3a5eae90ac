"""What a search loads: both kinds in one process, as each takes seconds to start."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tests.search.test_documents import QUERY
from tests.search.test_documents import artifacts as documents  # noqa: F401
from tests.search.test_images import artifacts as images  # noqa: F401

ROOT = Path(__file__).parents[2]


def test_search_loads_no_training_library(images, documents):  # noqa: F811
    Image.fromarray(np.zeros((8, 8), "u1")).save("query.png")
    code = (
        "import sys; from pathlib import Path; "
        "from ae_lightning.search.documents import DocumentIndex; "
        f"assert DocumentIndex.open('lsa-4').search({QUERY!r}); "
        "from ae_lightning.data.images.decode import read_picture; "
        "from ae_lightning.search.images import ImageIndex; index = ImageIndex.open('pca'); "
        "assert index.search(read_picture(Path('query.png'), index.data.shape)[None]); "
        "unwanted = {'lightning', 'mlflow', 'prefect', 'dvc', 'matplotlib', 'torch._dynamo'}; "
        "print(unwanted & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
