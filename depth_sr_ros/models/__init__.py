"""The networks, in PyTorch. `list_models()` names them, `create_model(name, scale=8)` builds one.

Importing this folder loads torch; the run-time side of the package never does.
"""

import depth_sr_ros.models.bridgenet.bridgenet
import depth_sr_ros.models.dada.dada
import depth_sr_ros.models.dagf.dagf
import depth_sr_ros.models.jiif.jiif
import depth_sr_ros.models.kernel.dkn
import depth_sr_ros.models.kernel.fdkn
import depth_sr_ros.models.small  # noqa: F401  (importing these registers their networks)
from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.registry import create_model, list_models, register_model

__all__ = ["GuidedUpsampler", "create_model", "list_models", "register_model"]
