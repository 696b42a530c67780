"""Parts of networks as single launches on a GPU, written in Triton; each computes what its namesake in `models` does.

    network, notes = fuse(network)

Triton is needed only here. Its interpreter (TRITON_INTERPRET=1) runs the same code on a CPU, slowly.
"""

from __future__ import annotations

from functools import partial

from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.dada.dada import DADA
from depth_sr_ros.models.kernel.kernel_filter import KernelNetwork


def fuse(network: GuidedUpsampler) -> tuple[GuidedUpsampler, tuple[str, ...]]:
    """A network in evaluation mode with its fused parts, for inference only.

    Args:
        network: may be changed.

    Returns:
        The network to use from now on, and a sentence for each part that has a fused form which cannot be had here.
    """
    if not isinstance(network, KernelNetwork | DADA):
        return network, ()
    try:
        from depth_sr_ros.models.fused import diffusion_launch as diffusion
        from depth_sr_ros.models.fused import kernel_launch as kernel_filter
    except ImportError as error:
        return network, (f"no fused kernels: expected triton, found {error}; pip install triton",)
    if isinstance(network, KernelNetwork):
        return kernel_filter.FusedKernelNetwork(network), ()
    try:
        launch = diffusion.launch_for(network.scale)
    except ValueError as error:
        return network, (f"no fused diffusion: {error}",)
    network.solve = partial(diffusion.equilibrium, launch=launch)
    return network, ()
