"""Compiles the kernels for a GPU that need not be there: `python compile_kernels.py CAPABILITY`, e.g. 90.

Prints a line for each: its name, bytes of machine code, bytes of shared memory.
"""

import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from depth_sr_ros.models.fused import diffusion_launch as diffusion
from depth_sr_ros.models.fused import kernel_launch as kernel_filter

_IMAGES = ("start", "result", "y_in", "before_in", "y_out", "before_out", "source", "bound", "vertical", "horizontal")
_TYPES = {
    **dict.fromkeys((*_IMAGES, "floors"), "*fp32"),
    **dict.fromkeys(("depth_heads", "guide_heads"), "*fp16"),
    **dict.fromkeys(("rate", "momentum", "tiny"), "fp32"),
}
_TAIL = {"BLOCK": 4, "CONVENTION": 0, "RESIDUAL": True, "OFFSETS": True, "GUIDED": True, "RADIUS": 7, "WINDOW": 15}
_CASES = [
    (kernel_filter._filter, {**_TAIL, "TAPS": 9, "SIDE": 3, "TILE": 256}, 4),
    (kernel_filter._filter, {**_TAIL, "TAPS": 9, "SIDE": 3, "TILE": 256, "CONVENTION": 1, "RESIDUAL": False}, 4),
    (diffusion._steps, {"SCALE": 8, "TILE": 32, "STEPS": 1, "MOMENTUM": False, "HOLES": False}, 4),
    (diffusion._steps, {"SCALE": 8, "TILE": 64, "STEPS": 2, "MOMENTUM": True, "HOLES": True}, 16),
]


def main(capability: int) -> None:
    """Compiles every case."""
    for kernel, constants, warps in _CASES:
        types = {name: "constexpr" if name in constants else _TYPES.get(name, "i32") for name in kernel.arg_names}
        compiled = triton.compile(
            ASTSource(fn=kernel, signature=types, constexprs=constants),
            target=GPUTarget("cuda", capability, 32),
            options={"num_warps": warps},
        )
        assert f".target sm_{capability}" in compiled.asm["ptx"]
        print(kernel.__name__, len(compiled.asm["cubin"]), compiled.metadata.shared)


if __name__ == "__main__":
    main(int(sys.argv[1]))
