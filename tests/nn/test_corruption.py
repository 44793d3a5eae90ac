from typing import get_args

import pytest
import torch
from scipy.stats import binom, kstest

from ae_lightning.config.layers import CorruptionName
from ae_lightning.nn.corruption import CORRUPTIONS, corrupt, gaussian, mask, salt_and_pepper

VALUES = 40_000


@pytest.fixture
def grey():
    """Values strictly between 0 and 1, so that every changed one can be told."""
    torch.manual_seed(0)
    return torch.rand(200, VALUES // 200) * 0.8 + 0.1


def plausible(count, share, of=VALUES):
    """Whether a count lies within all but a millionth of its binomial distribution."""
    low, high = binom.interval(1 - 1e-6, of, share)
    return low <= count <= high


def test_the_configuration_names_the_rows():
    assert set(CORRUPTIONS) == set(get_args(CorruptionName))


@pytest.mark.parametrize("strength", [0.1, 0.5, 0.9])
def test_a_mask_zeroes_its_share_and_keeps_the_others(grey, strength):
    spoilt = mask(grey, strength)
    hidden = spoilt == 0
    assert plausible(hidden.sum(), strength)
    assert torch.equal(spoilt[~hidden], grey[~hidden])


@pytest.mark.parametrize("strength", [0.1, 0.5, 0.9])
def test_salt_and_pepper_are_as_frequent_and_the_others_kept(grey, strength):
    spoilt = salt_and_pepper(grey, strength)
    for colour in (0, 1):
        assert plausible((spoilt == colour).sum(), strength / 2)
    kept = (spoilt > 0) & (spoilt < 1)
    assert torch.equal(spoilt[kept], grey[kept])


def test_gaussian_noise_is_normal_and_may_leave_the_range(grey):
    spoilt = gaussian(grey, 0.3)
    assert kstest(((spoilt - grey) / 0.3).flatten().numpy(), "norm").pvalue > 1e-3
    assert spoilt.min() < 0
    assert spoilt.max() > 1


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_strength_0_changes_nothing_and_1_everything(grey, name):
    before = grey.clone()
    assert torch.equal(CORRUPTIONS[name](grey, 0.0), before)
    assert (CORRUPTIONS[name](grey, 1.0) != before).all()
    assert torch.equal(grey, before)  # not changed in place


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_example_has_its_own_strength(grey, name):
    strength = torch.zeros(200, 1)
    strength[50:] = 1
    changed = CORRUPTIONS[name](grey, strength) != grey
    assert not changed[:50].any()
    assert changed[50:].all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_seed_decides(grey, name):
    torch.manual_seed(1)
    first = CORRUPTIONS[name](grey, 0.5)
    second = CORRUPTIONS[name](grey, 0.5)
    torch.manual_seed(1)
    assert torch.equal(CORRUPTIONS[name](grey, 0.5), first)
    assert not torch.equal(first, second)


def test_without_kinds_the_input_itself_comes_back(grey):
    assert corrupt(grey, {}) is grey


def test_each_example_gets_one_of_the_kinds(monkeypatch):
    """Kinds that add 1 and 10 times their strength show which came, and how strong."""
    monkeypatch.setitem(CORRUPTIONS, "mask", lambda x, strength: x + strength)
    monkeypatch.setitem(CORRUPTIONS, "gaussian", lambda x, strength: x + 10 + strength)
    torch.manual_seed(0)
    x = torch.zeros(4000, 3)
    spoilt = corrupt(x, {"mask": 0.2, "gaussian": 0.8})
    assert torch.equal(spoilt, spoilt[:, :1].expand(-1, 3))  # one strength in an example
    second = spoilt[:, 0] >= 10
    assert plausible(second.sum(), 0.5, of=4000)
    for strengths, greatest in ((spoilt[~second, 0], 0.2), (spoilt[second, 0] - 10, 0.8)):
        assert kstest((strengths / greatest).numpy(), "uniform").pvalue > 1e-3
    assert not x.any()


def test_examples_stay_in_their_place(grey):
    """Whatever is not spoilt stands where it stood, in its own example."""
    before = grey.clone()
    spoilt = corrupt(grey, {"mask": 0.5, "salt-and-pepper": 0.5})
    kept = (spoilt > 0) & (spoilt < 1)
    assert torch.equal(spoilt[kept], grey[kept])
    assert torch.equal(grey, before)
    assert 0.2 < (~kept).float().mean() < 0.3  # half of 0.5 on average, over 200 strengths
