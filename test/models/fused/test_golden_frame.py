"""A whole network with its fused part, in the engine that uses it, reproduces the golden frame."""

import pytest
import torch
from engine_on_cpu import OnCpu

from depth_sr_ros.artifact import SHIPPED, read_artifact
from depth_sr_ros.engines.selfcheck import check_engine
from depth_sr_ros.models.fused import kernel_launch as kernel_filter


@pytest.mark.skipif(torch.cuda.is_available(), reason="the interpreter is for machines without a GPU; here is one")
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_fdkn_with_its_end_in_one_launch(precision, monkeypatch):
    launches = []

    def in_one_tile(start, depth_heads, guide_heads, options):
        launches.append(depth_heads.dtype)
        return whole(start, depth_heads, guide_heads, options, tile=2**15)

    whole = kernel_filter.filter_by_heads
    monkeypatch.setattr(kernel_filter, "filter_by_heads", in_one_tile)
    assert check_engine(OnCpu, read_artifact(SHIPPED / "fdkn_x8"), precision, threads=1).passed
    assert set(launches) == {torch.bfloat16 if precision == "bf16" else torch.float32}
