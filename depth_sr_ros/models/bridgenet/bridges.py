"""The bridges of BridgeNet: how its two sub-networks pass features to each other.

Tang, Cong, Sheng, He, Zhang, Zhao, Kwong, "BridgeNet: A Joint Learning Network of Depth Map Super-Resolution and
Monocular Depth Estimation", ACM MM 2021, arXiv 2107.12541, sections 3.2 and 3.3. What the paper leaves open, and what
is done here, is documented with each class.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.layers.prelu import PReLU

_REDUCTION = 16


class HighFrequencyBridge(nn.Module):
    """HABdg: features of the colour encoder sharpen the depth encoder's (eqs. 3-7).

    Own decisions: the blur is a 2 x 2 average and a full 2 x 2 deconvolution of stride 2, which starts as plain
    repetition, so that the difference is high-frequency from the first step; PReLU has one slope.

    Args:
        guide_channels: of the colour encoder at this level.
        width: channels of the depth encoder.
        odd_sizes: True where height and width may be odd; the average then repeats the last row and column.
    """

    def __init__(self, guide_channels: int, width: int, odd_sizes: bool) -> None:
        super().__init__()
        self.odd_sizes = odd_sizes
        self.deconvolution = nn.ConvTranspose2d(guide_channels, guide_channels, 2, stride=2)
        self.attention = PReLU()
        self.fusion = AttentionFusion(guide_channels + width, width)
        _start_as_repetition(self.deconvolution)

    def forward(self, depth_features: Tensor, guide_features: Tensor) -> Tensor:
        """(B, width, h, w) and (B, guide_channels, h, w) -> what the next depth layer takes, (B, width, h, w)."""
        high_frequency = self.attention(guide_features - self.blur(guide_features))
        return self.fusion(depth_features, guide_features + high_frequency * guide_features)

    def blur(self, features: Tensor) -> Tensor:
        """Features without their high frequencies (eq. 3), same shape."""
        height, width = features.shape[-2:]
        if self.odd_sizes:
            # one row and one column more: unread where the size is even, and the same graph for every size
            features = F.pad(features, (0, 1, 0, 1), mode="replicate")
        blurred: Tensor = self.deconvolution(F.avg_pool2d(features, 2))
        return blurred[..., :height, :width] if self.odd_sizes else blurred


class PlainBridge(nn.Module):
    """Colour features as they are, concatenated ("w/o HABdg", Table 4), with a 1 x 1 layer back to the width.

    Args:
        guide_channels: of the colour encoder at this level.
        width: channels of the depth encoder.
    """

    def __init__(self, guide_channels: int, width: int) -> None:
        super().__init__()
        self.reduction = nn.Conv2d(guide_channels + width, width, 1)

    def forward(self, depth_features: Tensor, guide_features: Tensor) -> Tensor:
        """As `HighFrequencyBridge`."""
        return self.reduction(torch.cat((depth_features, guide_features), dim=1))


class ContentBridge(nn.Module):
    """CGBdg: decoded super-resolution features guide the decoder of the depth estimate (eqs. 8-11).

    Own decision: the paper does not name the axis of the softmax. Over the single channel of the difference map it
    would be 1 everywhere, so the 1 x 1 layer widens the map to all channels and the softmax runs over them.

    Args:
        width: channels of both decoders.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depth_map = nn.Conv2d(width, 1, 1)
        self.estimate_map = nn.Conv2d(width, 1, 1)
        self.difference = nn.Linear(1, width)
        self.fusion = AttentionFusion(2 * width, width)

    def forward(self, estimate_features: Tensor, depth_features: Tensor) -> Tensor:
        """Both (B, width, h, w) -> what the next layer of the estimate takes, (B, width, h, w)."""
        difference = self.depth_map(depth_features) - self.estimate_map(estimate_features)
        # channels last by itself: a convolution of a single map would leave that layout, and its output is large
        weight = torch.softmax(self.difference(difference.permute(0, 2, 3, 1)), dim=-1).permute(0, 3, 1, 2)
        return self.fusion(estimate_features, depth_features + weight * depth_features)


class AttentionFusion(nn.Module):
    """Two sets of features into one: concatenation, channel attention, 1 x 1 layer, spatial attention (eqs. 6, 7).

    Args:
        inputs: channels of both together.
        width: channels that come out.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.channel_attention = ChannelAttention(inputs)
        self.reduction = nn.Conv2d(inputs, width, 1)
        self.spatial_attention = SpatialAttention(width)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """(B, a, h, w) and (B, inputs - a, h, w) -> (B, width, h, w)."""
        return self.spatial_attention(self.reduction(self.channel_attention(torch.cat((own, other), dim=1))))


class ChannelAttention(nn.Module):
    """Weights channels by their mean and their maximum, through one two-layer perceptron (CBAM, arXiv 1807.06521).

    The gates start mostly open (0.88), since several follow one another.

    Args:
        channels: in and out; the hidden layer has a sixteenth of them.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // _REDUCTION)
        self.perceptron = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), last := nn.Linear(hidden, channels))
        nn.init.constant_(last.bias, 1.0)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, h, w), same shape out."""
        logits = self.perceptron(features.mean(dim=(2, 3))) + self.perceptron(features.amax(dim=(2, 3)))
        return features * torch.sigmoid(logits)[:, :, None, None]


class SpatialAttention(nn.Module):
    """Weights positions by one map, a 3 x 3 layer and a sigmoid (after HA-CCN, TIP 2020).

    The gates start mostly open (0.88).

    Args:
        channels: in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.map = nn.Conv2d(channels, 1, 3, padding=1)
        nn.init.constant_(self.map.bias, 2.0)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, h, w), same shape out."""
        return features * torch.sigmoid(self.map(features))


def _start_as_repetition(layer: nn.ConvTranspose2d) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.eye(layer.in_channels)[:, :, None, None].expand_as(layer.weight))
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
