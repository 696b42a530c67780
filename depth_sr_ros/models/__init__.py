"""The networks, in PyTorch. `list_models()` names them, `create_model(name, scale=8)` builds one.

Importing this folder loads torch; the run-time side of the package never does.
"""

from depth_sr_ros.models import bridgenet, dada, dagf, dkn, fdkn, jiif, small  # noqa: F401  (importing registers a network)
from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.registry import create_model, list_models, register_model

__all__ = ["GuidedUpsampler", "create_model", "list_models", "register_model"]
