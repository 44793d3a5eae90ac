"""Settings of a dataset in ``params.yaml``: where its raw files are and how they are split."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, field_validator

Share = Annotated[float, Field(gt=0, lt=1)]


class FrozenModel(BaseModel):
    """A model that refuses unknown keys and later changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Dataset(FrozenModel):
    """Raw files and how they are split.

    The last ``validation`` training examples are set aside: every choice is made on them. The test
    part is read by ``baseline``, ``evaluate``, ``compare`` and ``grade``. ``limit`` keeps only
    the first examples of each part, for a quick trial.
    """

    kind: str
    path: Path
    validation: PositiveInt = 5000
    limit: PositiveInt | None = None


class Images(Dataset):
    """Images as arrays in the folder ``path``: the files of one of the formats.

    ``idx``: IDX of bytes, uncompressed, named as MNIST's. ``npy``: ``train_images.npy`` and
    ``test_images.npy``, uint8 ``(N, height, width)`` or ``(N, height, width, 1 or 3)``, with
    ``train_labels.npy`` and ``test_labels.npy``, whole numbers from 0. Files of labels may be
    absent, of both parts. ``classes`` are the labels' names.
    """

    kind: Literal["idx", "npy"]
    classes: tuple[str, ...] = ()


class ImageFolder(Dataset):
    """Image files in and below the folder ``path``, brought to ``size`` (height, width).

    Subfolders are classes. If they are called ``train``, ``test`` and perhaps ``val``, or much so,
    they are the parts, and their subfolders the classes; without ``val`` so many training images as
    ``validation`` says are set aside. Otherwise a share ``test`` of all is tested. The test and
    validation images are drawn with ``seed``, as a folder is sorted by class and the last images
    would all have one class. They are kept in the order drawn.
    """

    kind: Literal["folder"]
    size: tuple[PositiveInt, PositiveInt]
    colours: Literal["rgb", "grey"] = "rgb"
    test: Share = 0.2
    seed: NonNegativeInt = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """An image's: ``(height, width)`` or ``(height, width, 3)``."""
        return self.size if self.colours == "grey" else (*self.size, 3)


class Columns(FrozenModel):
    """Fields of a document: columns of a CSV, keys of a JSON line.

    All but ``text`` may be absent from the data, or are not read if they are null. Several labels
    in one CSV cell are separated by ``separator``.
    """

    id: str | None = "id"
    title: str | None = "title"
    text: str = "body"
    date: str | None = "date"
    labels: str | None = "labels"
    separator: Annotated[str, Field(min_length=1)] = ";"


class Documents(Dataset):
    """Documents: JSON lines (.jsonl), CSV (.csv, .tsv) or a folder of .txt, a subfolder per label.

    Those dated up to ``until`` (that day included) are trained on, later ones tested; without
    ``until`` a share ``test`` of them, drawn with ``seed``, is tested, and so is drawn which of
    the others are for validation. ``vocabulary`` terms make a document's bag of words, ``words``
    its sequence. Documents with fewer than ``least`` tokens in the vocabulary are left out and
    listed. ``queries`` are keyword queries with the labels that answer them.
    """

    kind: Literal["documents"]
    columns: Columns = Columns()
    until: date | None = None
    test: Share = 0.2
    seed: NonNegativeInt = 0
    vocabulary: PositiveInt = 2000
    words: PositiveInt = 2000
    least: PositiveInt = 1
    stop_words: Literal["english"] | None = "english"
    queries: dict[str, tuple[str, ...]] = Field({})

    @field_validator("until", mode="before")
    @classmethod
    def _day_is_text(cls, value: Any) -> Any:
        if isinstance(value, date):
            raise ValueError(f'DVC reads no dates from YAML; write "{value}" in quotes')
        return value


AnyDataset = Annotated[Images | ImageFolder | Documents, Field(discriminator="kind")]
