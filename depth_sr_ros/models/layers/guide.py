"""What every network expects of its colour guide."""

from __future__ import annotations

from torch import Tensor


def check_guide(guide: Tensor, multiple: int) -> tuple[int, int, int]:
    """Batch, height and width of a guide (B, 3, H, W).

    Args:
        guide: colour images.
        multiple: that height and width must be multiples of.

    Raises:
        ValueError: another shape; the message names the expected one.
    """
    if guide.dim() != 4 or guide.shape[1] != 3:
        raise ValueError(f"guide: expected (B, 3, H, W), found {tuple(guide.shape)}")
    batch, _, height, width = guide.shape
    if height % multiple or width % multiple:
        raise ValueError(
            f"guide: height and width must be multiples of {multiple}, found {height}x{width}; pad the image"
        )
    return batch, height, width
