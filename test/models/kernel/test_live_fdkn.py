"""FDKN's live form."""

import pytest

from depth_sr_ros.models import create_live_model
from depth_sr_ros.models.kernel.live_fdkn import WIDTHS
from depth_sr_ros.models.small import SMALL_LIVE_WIDTHS


def test_parameter_count():
    assert sum(p.numel() for p in create_live_model("fdkn").parameters()) == 953_712


@pytest.mark.parametrize("widths", [(64, 128), (64, 0, 96)])
def test_widths_that_cannot_be_are_refused(widths):
    with pytest.raises(ValueError, match="expected 3 positive numbers"):
        create_live_model("fdkn", widths=widths)


def test_small_form_is_the_same_network_with_fewer_channels():
    small, large = create_live_model("fdkn_s"), create_live_model("fdkn")
    assert small.options == {"widths": list(SMALL_LIVE_WIDTHS)}
    assert small.state_dict().keys() == large.state_dict().keys()
    assert all(ours < theirs for ours, theirs in zip(SMALL_LIVE_WIDTHS, WIDTHS, strict=True))
