"""Tables of kinds by name, and which settings of an item name their rows.

What an item of params.yaml is built from depends on the rows that it names alone: a penalty that
no item has decides no result. A table says so by its annotation, which is read from the source
(:mod:`pipelines.code_digest`) and has no effect when the program runs::

    PENALTIES: Annotated[dict[str, Penalty], NamedBy(switches=("l1", "l2"))] = {...}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NamedBy:
    """Which settings of an item, or of a layer that it stands on, name rows of a table.

    ``values`` are settings whose value is a row's name, ``keys`` mappings whose keys are names,
    ``switches`` settings that are a row's name themselves and count while they are on. ``also``
    maps a word that was found so to further rows, and ``always`` are rows that every item needs.
    Settings are dotted paths such as ``train.optimizer``; ``dataset.`` begins those of the data.
    """

    values: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    always: tuple[str, ...] = ()
