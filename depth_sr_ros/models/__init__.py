"""The networks, in PyTorch. `list_models()` names them, `create_model(name, scale=8)` builds one.

`list_live_models()` and `create_live_model(name)` do the same for live forms, which take registered depth.
Importing this folder loads torch; the run-time side of the package never does.
"""

import depth_sr_ros.models.bridgenet.bridgenet
import depth_sr_ros.models.dada.dada
import depth_sr_ros.models.dagf.dagf
import depth_sr_ros.models.dagf.live_dagf
import depth_sr_ros.models.jiif.jiif
import depth_sr_ros.models.jiif.live_jiif
import depth_sr_ros.models.kernel.dkn
import depth_sr_ros.models.kernel.fdkn
import depth_sr_ros.models.kernel.live_fdkn
import depth_sr_ros.models.small  # noqa: F401  (importing these registers their networks)
from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.live.network import LiveNetwork, LiveOutputs
from depth_sr_ros.models.registry import (
    create_live_model,
    create_model,
    list_live_models,
    list_models,
    register_live_model,
    register_model,
)

__all__ = [
    "GuidedUpsampler",
    "LiveNetwork",
    "LiveOutputs",
    "create_live_model",
    "create_model",
    "list_live_models",
    "list_models",
    "register_live_model",
    "register_model",
]
