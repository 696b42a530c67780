"""What a live network looks at."""

import torch
from registered_frames import registered_frame

from depth_sr_ros.models.live.features import REACH, between_of, depth_maps, guide_maps
from depth_sr_ros.models.live.selection import position_between


def _maps(guide, start, near, far, quality):
    position = position_between(start, near, far)
    maps, sides = depth_maps(start.log(), (far - near) / near, position, quality.float())
    return torch.cat((guide_maps(guide, sides), maps), dim=1)


def test_maps_stay_within_one_of_zero_whatever_a_pixel_holds():
    guide, start, near, far, quality = registered_frame()
    for value in (1e-4, 1e4):
        for image in (start, near, far):
            image[0, 0, 30, 40] = value
        assert _maps(guide, start, near, far, quality).abs().max() <= 1


def test_a_pixel_changes_nothing_beyond_reach():
    frame = registered_frame(120, 120)
    before = _maps(*frame)
    changed = [image.clone() for image in frame]
    for image, value in zip(changed, (1.0, 0.5, 0.5, 9.0, 1), strict=True):
        image[..., 60, 60] = value
    moved = (_maps(*changed) != before).any(dim=1)[0].nonzero() * 4
    assert moved.min() >= 60 - REACH - 3 and moved.max() <= 60 + REACH


def test_twice_as_far_is_the_same_relief():
    """Beyond a metre, where the unit of error is a share of the depth: all maps but the level, the last one."""
    guide, start, near, far, quality = registered_frame()
    once, twice = (_maps(guide, s * start, s * near, s * far, quality) for s in (2.0, 4.0))
    torch.testing.assert_close(once[:, :-1], twice[:, :-1], atol=1e-4, rtol=0)
    assert not torch.allclose(once[:, -1], twice[:, -1])


def test_colour_says_which_side_a_pixel_is_of():
    """A pixel without measurement gets, by its colour alone, the side that measured pixels of that colour are on."""
    side = 64
    front = torch.zeros(side, side, dtype=torch.bool)
    front[:, : side // 2] = True
    guide = torch.where(
        front, torch.tensor([0.8, 0.2, 0.2])[:, None, None], torch.tensor([0.2, 0.3, 0.7])[:, None, None]
    )
    start = torch.where(front, 1.0, 2.0)[None, None]
    quality = torch.full((1, 1, side, side), 3.0)
    hidden = (slice(None), slice(None), slice(24, 40), slice(24, 40))
    start[hidden], quality[hidden] = 1.5, 1.0
    between = between_of(_maps(guide[None], start, start, start, quality))
    between = torch.nn.functional.pixel_shuffle(between, 4)[0, 0]
    assert (between[24:40, 24:32] < -0.3).all() and (between[24:40, 32:40] > 0.3).all()
