import pytest
import torch
from torch.nn import functional as F

from pipelines.report.claims import deconvolution
from pipelines.report.claims.deconvolution import SHAPES, Shape, by_convolution, largest_differences


@pytest.mark.parametrize("shape", [*SHAPES, Shape(3, 4, 0, 2)])
def test_it_is_torchs_transposed_convolution(shape: Shape) -> None:
    torch.manual_seed(3)
    images = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    weight = torch.randn(3, 2, shape.kernel, shape.kernel, dtype=torch.float64)
    expected = F.conv_transpose2d(
        images, weight, None, shape.stride, shape.padding, shape.output_padding
    )
    torch.testing.assert_close(by_convolution(images, weight, shape), expected)


def test_one_value_draws_the_window_as_it_is() -> None:
    window = torch.arange(9.0).reshape(1, 1, 3, 3)
    drawn = by_convolution(torch.full((1, 1, 1, 1), 2.0), window, Shape(3, 1, 0, 0))
    assert torch.equal(drawn, 2 * window)


def test_where_two_windows_meet_they_are_added() -> None:
    window = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    images = torch.tensor([[[[1.0, 10.0]]]])
    drawn = by_convolution(images, window, Shape(2, 1, 0, 0))
    assert drawn[0, 0].tolist() == [[1.0, 12.0, 20.0], [3.0, 34.0, 40.0]]


def test_differences_are_rounding_and_the_same_each_time() -> None:
    assert max(largest_differences()) < 1e-12
    assert largest_differences() == largest_differences()


def test_weights_that_are_not_reversed_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(images: torch.Tensor, weight: torch.Tensor, shape: Shape) -> torch.Tensor:
        return by_convolution(images, weight.flip(2, 3), shape)

    monkeypatch.setattr(deconvolution, "by_convolution", wrong)
    assert min(largest_differences()) > 0.01
