"""The live frame graph: a registered frame, raw arrays in, metric depth and its expected error out.

Registration has made the frame dense and of one size, so nothing is up-sampled or filled here. And nothing is taken
from the frame as a whole: what a pixel holds changes no result beyond the network's reach
(`models.live.network.LiveNetwork.reach`), whatever it holds. The result lies between the depths within that reach.
"""

from __future__ import annotations

from torch import Tensor, nn

from depth_sr_ros.models.live.network import LiveNetwork


class LiveFrameGraph(nn.Module):
    """A live network around which arrays are as cameras and registration give them.

    Args:
        network: the network; it should be in evaluation mode.
    """

    def __init__(self, network: LiveNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, rgb: Tensor, start: Tensor, near: Tensor, far: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Depth of one registered frame.

        Args:
            rgb: colour image, uint8 (H, W, 3), RGB; H and W are multiples of the network's `size_multiple`.
            start: registered depth, float32 (H, W), metres, finite everywhere.
            near: the nearest surface that may be there, same type and shape, near <= start.
            far: the farthest surface that may be there, same type and shape, start <= far.
            quality: how each pixel is known, uint8 (H, W), see `cameras.registration.Registered`.

        Returns:
            `depth_hr`, float32 (H, W), metres; and `expected_error`, float32 (H, W), metres, above 0.
        """
        guide = rgb.permute(2, 0, 1).unsqueeze(0).to(start.dtype) * (1 / 255)
        planes = (image.unsqueeze(0).unsqueeze(0) for image in (start, near, far, quality))
        found = self.network(guide, *planes)
        return found.depth.squeeze(0).squeeze(0), found.error.squeeze(0).squeeze(0)
