"""How long a live run takes: by steps, or by the clock."""

import pytest
import torch

from training.fitting.live.module import LiveTraining
from training.recipes.live_recipe import LiveRecipe
from training.recipes.recipe import OptimiserOptions


class _Trainer:
    def __init__(self, optimiser):
        self.optimizers, self.should_stop, self.global_step = [optimiser], False, 0


def rate_after(monkeypatch, minutes, max_minutes):
    options = OptimiserOptions(learning_rate=1e-3, schedule="cosine")
    recipe = LiveRecipe("fdkn", {"widths": [8, 8, 8]}, optimiser=options, max_minutes=max_minutes)
    module = LiveTraining(recipe)
    trainer = _Trainer(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0))
    monkeypatch.setattr(LiveTraining, "minutes", property(lambda self: minutes))
    monkeypatch.setattr(LiveTraining, "global_step", property(lambda self: 0))
    monkeypatch.setattr(LiveTraining, "trainer", property(lambda self: trainer))
    monkeypatch.setattr(LiveTraining, "log", lambda self, *arguments: None)
    module.on_train_batch_start(None, 0)
    return trainer.optimizers[0].param_groups[0]["lr"], trainer.should_stop


def test_with_a_limit_in_minutes_the_learning_rate_comes_down_with_the_clock(monkeypatch):
    full, _ = rate_after(monkeypatch, 0.0, 10.0)
    half, stops = rate_after(monkeypatch, 5.0, 10.0)
    assert half == pytest.approx(full / 2) and not stops
    none, stops = rate_after(monkeypatch, 11.0, 10.0)
    assert none == pytest.approx(0, abs=1e-6) and stops


def test_without_one_the_clock_does_not_count(monkeypatch):
    assert rate_after(monkeypatch, 500.0, 0.0) == (pytest.approx(1e-3), False)
    with pytest.raises(ValueError, match="max_minutes: expected 0 or more"):
        LiveRecipe("fdkn", max_minutes=-1.0)
