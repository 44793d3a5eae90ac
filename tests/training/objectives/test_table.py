from typing import get_args, get_type_hints

from ae_lightning.config.layers import OBJECTIVE, RECONSTRUCTION, Item, Layer, Views
from ae_lightning.config.variants import Variant
from ae_lightning.training.objectives import table
from ae_lightning.training.objectives.table import OBJECTIVES


def test_every_setting_that_asks_for_an_objective_has_a_row():
    asking = {
        name
        for model in (Layer, Variant)
        for name, field in model.model_fields.items()
        if OBJECTIVE in field.metadata
    }
    _, named_by = get_args(get_type_hints(table, include_extras=True)["OBJECTIVES"])
    assert asking == set(named_by.switches)
    assert named_by.values == ("kind",)
    assert asking | {RECONSTRUCTION, "sequence"} == set(OBJECTIVES)
    assert named_by.always == (RECONSTRUCTION,)


def test_an_items_objective_is_the_setting_that_is_on():
    item = {"data": "a", "input": "prepared/a"}
    assert Item(**item).objective == RECONSTRUCTION
    assert Item(**item, views=Views(shift=1)).objective == "views"
    assert (
        Variant(**item, sizes=(2,), neighbours={"count": 1, "share": 0.5}).objective == "neighbours"
    )
    assert Variant(**item, kind="sequence", sizes=(2,)).objective == "sequence"
