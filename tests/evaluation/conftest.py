"""A stack on the tiny data set, measured without a trainer."""

import pytest

from ae_lightning.data.prepared import SPLITS
from ae_lightning.evaluation.scores import Measured
from ae_lightning.training.codes import encode


@pytest.fixture
def measured(tiny):
    """Make a Measured of a stack on ``tiny``, with its own codes or with given test codes."""

    def of(stack, codes=None):
        if codes is None:
            found = {split: encode(stack, tiny.inputs(split)).numpy() for split in SPLITS}
        else:
            found = {"test": codes}
        return Measured(stack, tiny, None, found)

    return of
