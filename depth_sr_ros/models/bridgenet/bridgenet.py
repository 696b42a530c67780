"""BridgeNet, depth super-resolution and monocular depth estimation learnt together.

Qi Tang, Runmin Cong, Ronghui Sheng, Lingzhi He, Dan Zhang, Yao Zhao, Sam Kwong, "BridgeNet: A Joint Learning Network
of Depth Map Super-Resolution and Monocular Depth Estimation", ACM MM 2021, arXiv 2107.12541. DSRNet restores depth
from the bicubic start image, MDENet estimates it from colour alone. High-frequency bridges (eqs. 3-7, at 1/2, 1/4,
1/8) carry features of the colour encoder into DSRNet; content bridges (eqs. 8-11, at 1/4 and 1/2) carry decoded
features of DSRNet into the estimate. Two L1 losses (eqs. 1, 2), each with an optimiser of its own in the paper; here
one Adam with a group of parameters for each, whose steps are the same.

No code of the authors is available, and the paper leaves much open. Taken here:

* Width 64 and 32 deep blocks (the template of DSRNet has 128 and 32); the output adds the bicubic start image.
* Backbone ResNet-50, or ResNet-18 where time is short; RGB is normalised by ImageNet's statistics. Both start random,
  or from torchvision's weights where a training recipe names their file (`backbone_from`).
* Bridges join conv1, layer1 and layer2 of the backbone with the three stages of DSRNet, and the last two CLIFF
  modules with the first two decoder modules. The softmax of eq. 10 runs over channels.
* Optimiser `super_resolution` holds DSRNet and HABdg, `estimation` MDENet (backbone included) and CGBdg. The
  super-resolution loss also reaches the backbone, through HABdg; the estimation loss does not reach DSRNet, since the
  content bridges detach: being ten times as large at first, it would move DSRNet more than DSRNet's own loss does.
  `detach_bridges` has all three ways.
* `bridges="apart"` trains both halves side by side without a bridge: its `estimate` is the paper's MDENet alone
  (Table 3, row 2). It is row 3 too, "two sub-networks, two losses, no bridge"; but since the optimisers are separate,
  its `depth` is what `bridges="none"` learns (row 1) from the same initial weights.

The result does not depend on layers 3 and 4 of the backbone, on the pyramid, CLIFF or content bridges. `forward`
computes none of them, and `deployed` drops them: of 29,997,534 parameters 6,886,663 are left (with ResNet-18
16,167,226 and 4,810,339). The authors give no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from depth_sr_ros.models.base import GuidedUpsampler, float32_on
from depth_sr_ros.models.bridgenet.bridges import ContentBridge, HighFrequencyBridge, PlainBridge
from depth_sr_ros.models.bridgenet.estimation import EstimationDecoder
from depth_sr_ros.models.bridgenet.super_resolution import DSRNet
from depth_sr_ros.models.layers import imagenet
from depth_sr_ros.models.layers.resnet import LEVELS, BackboneName, ResNet
from depth_sr_ros.models.registry import register_model

BridgeKind = Literal["both", "habdg", "cgbdg", "plain", "apart", "none"]
Detached = Literal["none", "content", "both"]

_BRIDGED_LEVELS = 3
_CONTENT_BRIDGES = 2


@register_model("bridgenet")
class BridgeNet(GuidedUpsampler):
    """The joint network.

    Args:
        scale: integer ratio between guide and depth; it only sets the start image, the layers are the same.
        width: channels of DSRNet and of the decoders.
        deep_blocks: residual blocks of DSRNet at 1/8.
        backbone: colour encoder, `resnet50` or `resnet18`.
        bridges: `both`; `habdg` or `cgbdg` alone (Table 3); `plain` (Table 4: colour features concatenated without
            HABdg, CGBdg kept); `apart` (both halves, no bridge); `none` (DSRNet alone, depth only).
        detach_bridges: which bridges stop gradients. `content`: the estimation loss cannot move DSRNet; `both`: nor can
            the super-resolution loss move the backbone; `none`: either loss reaches either half.
        estimation: False builds only what the result needs, see `deployed`.
    """

    size_multiple = 8

    def __init__(
        self,
        scale: int = 8,
        width: int = 64,
        deep_blocks: int = 32,
        backbone: BackboneName = "resnet50",
        bridges: BridgeKind = "both",
        detach_bridges: Detached = "content",
        estimation: bool = True,
    ) -> None:
        super().__init__()
        if bridges not in get_args(BridgeKind):
            raise ValueError(f"bridges: expected one of {get_args(BridgeKind)}, found {bridges!r}")
        if detach_bridges not in get_args(Detached):
            raise ValueError(f"detach_bridges: expected one of {get_args(Detached)}, found {detach_bridges!r}")
        self.scale = int(scale)
        self.detach_bridges = detach_bridges
        self.options = {
            "scale": self.scale,
            "width": int(width),
            "deep_blocks": int(deep_blocks),
            "backbone": backbone,
            "bridges": bridges,
            "detach_bridges": detach_bridges,
            "estimation": bool(estimation),
        }
        guided = bridges in ("both", "habdg", "plain")
        estimating = estimation and bridges != "none"
        self.normalise = imagenet.Normalisation()
        encoder = ResNet(backbone, LEVELS if estimating else _BRIDGED_LEVELS)
        self.backbone = encoder if guided or estimating else None
        joins = _encoder_bridges(bridges, encoder.channels[:_BRIDGED_LEVELS], width) if guided else None
        self.super_resolution = DSRNet(width, deep_blocks, joins)
        guiding = bridges in ("both", "cgbdg", "plain")
        content = [ContentBridge(width) for _ in range(_CONTENT_BRIDGES)] if guiding else None
        self.estimation = EstimationDecoder(encoder.channels, width, content) if estimating else None
        self.output_names = ("depth", "estimate") if estimating else ("depth",)

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """Adds what DSRNet finds missing to the start image (B, 1, H, W); `depth_lr` is not used by this network."""
        features = [] if self.super_resolution.bridges is None else self._guide_features(guide, _BRIDGED_LEVELS)
        return self._super_resolve(start, features)[0]

    def training_outputs(self, guide: Tensor, depth_lr: Tensor) -> dict[str, Tensor]:
        """`depth`, as `forward`, and `estimate`, depth estimated from colour (B, 1, H, W), if that half was built."""
        if self.estimation is None:
            return {"depth": self(guide, depth_lr)}
        self._check_shapes(guide, depth_lr)
        features = self._guide_features(guide, LEVELS)
        depth, decoded = self._super_resolve(self.start_image(depth_lr), features)
        decoded = decoded if self.detach_bridges == "none" else [d.detach() for d in decoded]
        return {"depth": depth, "estimate": self.estimation(features, decoded, guide.shape[-2:]).float()}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """`super_resolution`, and `estimation` if that half was built."""
        if self.estimation is None or self.backbone is None:
            return {"super_resolution": list(self.parameters())}
        estimation = [*self.backbone.parameters(), *self.estimation.parameters()]
        return {"super_resolution": list(self.super_resolution.parameters()), "estimation": estimation}

    def deployed(self) -> BridgeNet:
        """A copy with the parameters that the result depends on and no others; its output is the same."""
        network = BridgeNet(**{**self.options, "estimation": False})
        needed = network.state_dict().keys()
        network.load_state_dict({name: tensor for name, tensor in self.state_dict().items() if name in needed})
        return network.train(self.training).to(next(self.parameters()).device)

    def _guide_features(self, guide: Tensor, levels: int) -> list[Tensor]:
        assert self.backbone is not None
        features: list[Tensor] = self.backbone(self.normalise(guide), levels)
        return features

    def _super_resolve(self, start: Tensor, features: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        if self.detach_bridges == "both":
            features = [f.detach() for f in features[:_BRIDGED_LEVELS]]
        residual, decoded = self.super_resolution(start, features)
        with float32_on(start.device):
            return start.float() + residual.float(), decoded


def _encoder_bridges(kind: BridgeKind, channels: Sequence[int], width: int) -> list[nn.Module]:
    if kind == "plain":
        return [PlainBridge(level, width) for level in channels]
    # of a multiple of 8, only the eighth can be odd
    return [HighFrequencyBridge(level, width, odd_sizes=i == 2) for i, level in enumerate(channels)]
