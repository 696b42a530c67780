"""Small siblings for small machines: FDKN's, its live form's and JIIF's equations in sizes of this project's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depth_sr_ros.models.jiif.jiif import JIIF
from depth_sr_ros.models.kernel.fdkn import FDKN
from depth_sr_ros.models.kernel.live_fdkn import LiveFDKN
from depth_sr_ros.models.registry import register_live_model, register_model

SMALL_WIDTHS = (32, 32, 32, 32, 64, 48)
"""Output channels of the six layers of a branch of `fdkn_s`: three tenths of the multiplications of FDKN."""


SMALL_LIVE_WIDTHS = (24, 48, 32)
"""Channels of `fdkn_s`'s live form, see `models.kernel.live_fdkn.WIDTHS`."""


@register_model("fdkn_s")
class SmallFDKN(FDKN):
    """FDKN with fewer channels, for small machines; this project's own, not the paper's.

    Args:
        scale: as `FDKN`.
        widths: as `FDKN`.
        options: `FDKN`'s other options.
    """

    def __init__(self, scale: int = 8, *, widths: Sequence[int] = SMALL_WIDTHS, **options: Any) -> None:
        super().__init__(scale, widths=widths, **options)


@register_live_model("fdkn_s")
class SmallLiveFDKN(LiveFDKN):
    """FDKN's live form with fewer channels, for small machines.

    Args:
        widths: as `LiveFDKN`.
    """

    def __init__(self, widths: Sequence[int] = SMALL_LIVE_WIDTHS) -> None:
        super().__init__(widths)


@register_model("jiif_s")
class SmallJIIF(JIIF):
    """JIIF for small machines: fewer channels, a smaller perceptron, the guide encoded at half of its resolution.

    The equations are JIIF's; the sizes are this project's own, 86 GMAC at 640 x 480 and x8 where JIIF takes 2,430.

    Args:
        scale: as `JIIF`.
        width: as `JIIF`.
        blocks: as `JIIF`.
        hidden: as `JIIF`.
        guide_stride: as `JIIF`.
        options: `JIIF`'s other options.
    """

    def __init__(
        self,
        scale: int = 8,
        width: int = 64,
        blocks: int = 8,
        hidden: Sequence[int] = (192, 96, 48),
        guide_stride: int = 2,
        **options: Any,
    ) -> None:
        super().__init__(scale, width, blocks, hidden, guide_stride=guide_stride, **options)
