import numpy as np
import pytest

from ae_lightning.evaluation.metrics.subspace import largest_angle


@pytest.mark.parametrize("degrees", [0, 1e-3, 30, 45, 90])
def test_two_lines(degrees):
    angle = np.radians(degrees)
    first, second = np.array([[1.0, 0.0]]), np.array([[np.cos(angle), np.sin(angle)]])
    assert largest_angle(first, second) == pytest.approx(degrees, abs=1e-6)


def test_two_planes_that_share_a_line():
    first = np.array([[1.0, 0, 0], [0, 1, 0]])
    second = np.array([[1.0, 0, 0], [0, 1, 1]])  # the second direction leans by 45 degrees
    assert largest_angle(first, second) == pytest.approx(45)


def test_the_basis_does_not_matter():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 3, 8))
    angle = largest_angle(first, second)
    mixed = random.normal(size=(3, 3)) @ first
    assert largest_angle(mixed, second) == pytest.approx(angle)
    assert largest_angle(second, first) == pytest.approx(angle)
    assert largest_angle(mixed, first) == pytest.approx(0, abs=1e-5)
