"""The blend of two surfaces."""

import torch

from depth_sr_ros.models.live.selection import choose, position_between


def test_no_opinion_changes_nothing():
    position = torch.linspace(0, 1, 101)
    torch.testing.assert_close(choose(position, torch.zeros(101))[0], position, atol=1e-6, rtol=0)


def test_strong_opinion_chooses_one_surface_exactly():
    position = torch.tensor([0.0, 0.3, 1.0])
    assert choose(position, torch.full((3,), 9.0))[0].tolist() == [1, 1, 1]
    assert choose(position, torch.full((3,), -9.0))[0].tolist() == [0, 0, 0]


def test_logit_is_of_the_far_surface():
    position = torch.tensor([0.0, 0.5, 1.0])
    _, logit = choose(position, torch.zeros(3))
    assert logit[0] < logit[1] == 0 < logit[2]


def test_position_where_both_surfaces_are_one():
    one = torch.ones(3)
    assert position_between(one, one, one).tolist() == [0, 0, 0]
