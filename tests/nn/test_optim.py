import math
from itertools import pairwise

import pytest
import torch

from ae_lightning.config.layers import Training
from ae_lightning.nn.optim import OPTIMIZERS, SCHEDULES, build, rate_at

TOTAL = 100


def rates(schedule, warmup=0.1, total=TOTAL):
    training = Training(schedule=schedule, warmup=warmup)
    return [rate_at(step, total, training) for step in range(total + 1)]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_warm_up_rises_in_equal_steps_to_the_full_rate(schedule):
    assert rates(schedule)[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates(schedule)[10] == 1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_after_the_warm_up_the_rate_never_rises(schedule):
    after = rates(schedule)[10:]
    assert all(later <= earlier for earlier, later in pairwise(after))
    assert all(0 <= rate <= 1 for rate in after)


@pytest.mark.parametrize(
    ("schedule", "middle", "end"),
    [("constant", 1, 1), ("linear", 1 / 2, 0), ("cosine", 1 / 2, 0), ("one-cycle", 1 / 4, 0)],
)
def test_rates_in_the_middle_and_at_the_end(schedule, middle, end):
    values = rates(schedule, warmup=0)
    assert values[TOTAL // 2] == pytest.approx(middle)
    assert values[TOTAL] == pytest.approx(end)
    assert rate_at(TOTAL + 5, TOTAL, Training(schedule=schedule)) == pytest.approx(end)


def test_a_quarter_of_a_cosine():
    assert rates("cosine", warmup=0)[25] == pytest.approx((1 + math.sqrt(0.5)) / 2)


def test_without_warm_up_the_first_step_has_the_full_rate():
    assert rates("linear", warmup=0)[0] == 1
    assert rate_at(0, 1, Training(warmup=0.4)) == 1  # 0.4 steps are none


def test_a_training_that_is_nearly_all_warm_up():
    values = [rate_at(step, 3, Training(warmup=0.99)) for step in range(3)]
    assert values == pytest.approx([1 / 3, 2 / 3, 1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns_and_takes_the_schedule(name):
    torch.manual_seed(0)
    x = torch.randn(32, 5)
    y = x @ torch.randn(5, 3)
    model = torch.nn.Linear(5, 3)
    training = Training(optimizer=name, learning_rate=0.1, schedule="linear", warmup=0.1)
    optimizer, schedule = build(model.parameters(), training, 60)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 6)

    def closure():
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        return loss

    before = closure().item()
    for _ in range(60):
        optimizer.step(closure)
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0
    assert closure().item() < 0.1 * before
