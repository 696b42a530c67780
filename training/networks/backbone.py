"""Puts a ResNet's published weights, as of ImageNet, into the colour encoder of a network (DADA, BridgeNet).

DADA's and the usual CLIFF encoder start from ImageNet; DADA's ablation of its initialisation compares that with random
weights. Files are torchvision's state dicts; nothing is downloaded. Layers here carry torchvision's names, so names
need no more than the encoder's prefix.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor

from depth_sr_ros.models import GuidedUpsampler
from depth_sr_ros.models.layers.resnet import LEVELS, ResNet
from depth_sr_ros.models.released.checkpoint import read_state
from depth_sr_ros.models.weights import load_weights
from training.networks.loading import misfits

_FIRST = "conv1.weight"
_CLASSIFIER = "fc"
# files of PyTorch before 0.4.1 do not have it, and nothing here reads it
_MAY_BE_MISSING = "num_batches_tracked"


def load_backbone(network: GuidedUpsampler, path: Path, name: str) -> None:
    """Loads a ResNet's weights into the network's encoder; all other weights stay as they are.

    The classifier (`fc.*`) and levels that the network does not build are left out. Where the encoder's first layer
    takes other channels than RGB, it is adapted, see `first_layer`.

    Args:
        network: with one `ResNet`.
        path: torchvision's state dict, by `torch.save` or as `.safetensors`; tensors and numbers alone are read.
        name: of the network, for errors: its registry name.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a network without such an encoder, a file of something else, or tensors that are missing, unknown or
            of another shape; the message names them.
    """
    encoders = [module for module in network.modules() if isinstance(module, ResNet)]
    if len(encoders) != 1:
        raise ValueError(
            f"backbone_from: expected a network with a ResNet (dada, bridgenet), found {name} with options "
            f"{network.options}, which has none; leave it out"
        )
    (encoder,) = encoders
    own = encoder.state_dict()
    unbuilt = [f"layer{level}" for level in range(encoder.levels, LEVELS)]
    found = {k: v for k, v in _read(path).items() if k.split(".")[0] not in (_CLASSIFIER, *unbuilt)}
    if _FIRST in found and found[_FIRST].dim() == own[_FIRST].dim():
        found[_FIRST] = first_layer(found[_FIRST], own[_FIRST].shape[1])
    counters = {key: tensor for key, tensor in own.items() if key.endswith(_MAY_BE_MISSING)}
    state = {**counters, **found}
    said = misfits(own, state)
    if said:
        raise ValueError(
            f"backbone_from: {path}: expected torchvision's weights of the backbone of {name} with options "
            f"{network.options}; found {said}"
        )
    encoder.load_state_dict(state)


def first_layer(weight: Tensor, inputs: int) -> Tensor:
    """A first layer's weights (O, 3, k, k), made for RGB, for another number of input channels.

    Further channels repeat R, G and B in turn, and all are scaled by 3 / inputs, so that activations keep their size;
    a single channel takes the sum. So does segmentation_models_pytorch, which DADA's code takes its encoder from: its
    fourth channel, depth, starts as the red one does.

    Args:
        weight: as published.
        inputs: channels wanted.

    Returns:
        (O, inputs, k, k).
    """
    published = weight.shape[1]
    if inputs == published:
        return weight
    if inputs == 1:
        return weight.sum(dim=1, keepdim=True)
    return weight[:, [channel % published for channel in range(inputs)]] * (published / inputs)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(
            f"backbone_from: {path}: no such file; expected torchvision's weights, such as resnet50-11ad3fa6.pth from "
            "https://download.pytorch.org/models, which is not downloaded automatically"
        )
    if path.suffix != ".safetensors":
        return read_state(path)
    try:
        return load_weights(path)
    except SafetensorError as error:
        raise ValueError(f"backbone_from: {path}: expected a safetensors file: {error}") from error
