"""Methods that learn nothing, to be compared with: filters, global optimisers and learning-free diffusion.

Their settings are constants. Those of joint bilateral up-sampling, global smoother and bilateral solver are the best of
a small search on images of the `dev` split at x8; guided and joint bilateral filter have customary ones (a window as
large as the scale asks; OpenCV's usual 9 px). All take what the networks take. Filters are OpenCV's where its wheels
have them; they lack the bilateral solver, which needs a build with Eigen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from depth_sr_ros.models.dada.dada import DADA
from training.evaluation.classical.filters import fast_global_smoother, guided_filter, joint_bilateral_filter
from training.evaluation.classical.joint_upsampling import joint_bilateral_upsampling
from training.evaluation.classical.solver import fast_bilateral_solver
from training.evaluation.protocols import Method, bicubic_up


def _dada(scale: int) -> Method:
    """DADA without learned features, at its equilibrium."""
    return DADA(scale=scale, learned=False, solver="accelerated").eval()


def _same(method: Method) -> Callable[[int], Method]:
    return lambda scale: method


_CLASSICAL: dict[str, Callable[[int], Method]] = {
    "bicubic": _same(bicubic_up),
    "guided filter": _same(guided_filter),
    "joint bilateral filter": _same(joint_bilateral_filter),
    "joint bilateral upsampling": _same(joint_bilateral_upsampling),
    "fast global smoother": _same(fast_global_smoother),
    "fast bilateral solver": _same(fast_bilateral_solver),
    "DADA, learning-free": _dada,
}

CLASSICAL = tuple(_CLASSICAL)
"""Names of the methods, bicubic first."""


def classical_methods(scale: int, names: Sequence[str] = CLASSICAL) -> dict[str, Method]:
    """The named methods for a scale.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    unknown = [name for name in names if name not in _CLASSICAL]
    if unknown:
        raise ValueError(f"classical methods: expected some of {list(CLASSICAL)}, found {unknown}")
    return {name: _CLASSICAL[name](scale) for name in names}
