"""Lets OpenVINO compute FDKN up to its heads, and `kernel_tail` the rest.

The graph is cut behind the heads, the convolutions that no other convolution follows, which are found by structure. It
then gives their outputs as the convolutions leave them, channels last and in bfloat16 where that is the precision, with
the start image. In bfloat16 that takes about a quarter off FDKN, in float32 a tenth. DKN keeps its tail in
the graph: a network of planes at full size needs no other layout there, and gains nothing.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.engines.base import Arrays

_HEADS = ("head/weights_0", "head/weights_1", "head/offsets_0", "head/offsets_1")
_START = "head/start"
_SAMPLING = {"mode": "bilinear", "padding_mode": "border", "align_corners": False}
_LANES = 16  # pixels of a position that the tail takes together
_LEAST_SPAN = np.float32(1e-3)

_log = logging.getLogger(__name__)


def cut_behind_heads(model: Any, options: Mapping[str, Any], half: bool) -> Any | None:
    """The part of a frame graph that ends in its heads.

    Args:
        model: OpenVINO's model at a fixed size; it shares its nodes with the result.
        options: the network's, from its card.
        half: whether heads are given in bfloat16.

    Returns:
        A model that `KernelTail` completes, or None where the tail does not fit: another network, another sampling
        convention, or numba is not installed.
    """
    if options.get("sampling") != "centred" or not options.get("offsets") or not can_run_tail():
        return None
    sampled = [node for node in model.get_ordered_ops() if node.get_type_name() == "GridSample"]
    heads = _heads(model)
    if len(sampled) != 1 or heads is None or sampled[0].get_attributes() != _SAMPLING:
        return None
    start = sampled[0].input_value(0)
    block = int(start.get_shape()[2]) // int(heads[0].get_shape()[2])
    taps = int(options["kernel_size"]) ** 2
    shapes = [list(head.get_shape()[:2]) for head in heads]
    expected = [[1, taps * block**2]] * 2 + [[1, 2 * taps * block**2]] * 2
    if shapes != expected or block**2 % _LANES:
        return None
    return _cut(model, heads, start, half)


class KernelTail:
    """Completes what a model of `cut_behind_heads` gives.

    Args:
        request: an inference request of the compiled model.
        options: the network's, from its card.
        threads: to use.
    """

    def __init__(self, request: Any, options: Mapping[str, Any], threads: int) -> None:
        from depth_sr_ros.engines.openvino.kernel_tail import Layout, filter_rows, taps_of

        self._filter_rows = filter_rows
        self._request = request
        self._taps = taps_of(int(options["kernel_size"]), bool(options["residual"]))
        weights, start = (list(request.get_tensor(name).shape) for name in (_HEADS[0], _START))
        self._size = (int(start[2]), int(start[3]))
        rows = int(weights[1])
        self._layout = Layout(self._size[0] // rows, self._size[1])
        edges = [rows * part // threads for part in range(threads + 1)]
        self._shares = list(zip(edges[:-1], edges[1:], strict=True))
        self._pool = ThreadPoolExecutor(threads - 1, "kernel_tail") if threads > 1 else None

    def __call__(self, inputs: Arrays) -> Arrays:
        """Outputs of the frame graph for the frame that the request has just been run on, `inputs`."""
        from depth_sr_ros.engines.openvino.kernel_tail import padded_pairs

        depth: NDArray[np.float32] = inputs["depth"]
        known = depth > 0
        valid = _enlarged(known.view(np.uint8), self._size)
        if not known.any():
            return {"depth_hr": np.zeros(self._size, np.float32), "valid": valid}
        metres = depth[known]
        low = metres.min()
        span = max(metres.max() - low, _LEAST_SPAN)
        heads = tuple(bits_of(self._request.get_tensor(name).data) for name in _HEADS)
        pairs = padded_pairs(self._request.get_tensor(_START).data[0, 0])
        out = np.empty(self._size, np.float32)
        flat = out.reshape(-1)

        def share(rows: tuple[int, int]) -> None:
            self._filter_rows(heads, pairs, flat, low, span, self._layout, self._taps, *rows)

        others = [self._pool.submit(share, rows) for rows in self._shares[1:]] if self._pool else []
        share(self._shares[0])
        for other in others:
            other.result()
        return {"depth_hr": out, "valid": valid}

    def close(self) -> None:
        """Ends the threads."""
        self._request = None
        if self._pool is not None:
            self._pool.shutdown()


def is_cut(compiled: Any) -> bool:
    """Whether a compiled model ends in heads."""
    return any(_START in output.get_names() for output in compiled.outputs)


def can_run_tail() -> bool:
    """Whether numba is there to compile the tail; says so in the log where it is not."""
    try:
        importlib.import_module("depth_sr_ros.engines.openvino.kernel_tail")
    except ImportError as error:
        _log.info("the last stage of the network runs in OpenVINO, which takes longer: %s; pip install numba", error)
        return False
    return True


def _enlarged(cells: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Every cell repeated over the pixels that it covers."""
    (rows, columns), (height, width) = cells.shape, size
    blocks = np.broadcast_to(cells[:, None, :, None], (rows, height // rows, columns, width // columns))
    return blocks.reshape(size)


def bits_of(array: NDArray[Any]) -> NDArray[Any]:
    """Flat; bfloat16, which numpy does not know, as uint16."""
    return (array if array.dtype == np.float32 else array.view(np.uint16)).reshape(-1)


def _heads(model: Any) -> list[Any] | None:
    """Weights of both branches, behind their sigmoids, and offsets of both; None where the graph has others."""
    last = [n for n in model.get_ordered_ops() if n.get_type_name() == "Convolution" and not feeds_convolution(n)]
    weights, offsets = [], []
    for convolution in last:
        biased = [node for node in _users(convolution) if node.get_type_name() == "Add"]
        if len(biased) != 1:
            return None
        sigmoid = [node for node in _users(biased[0]) if node.get_type_name() == "Sigmoid"]
        if sigmoid:
            weights.append(sigmoid[0].output(0))
        else:
            offsets.append(biased[0].output(0))
    return [*weights, *offsets] if (len(weights), len(offsets)) == (2, 2) else None


def _users(node: Any) -> list[Any]:
    return [target.get_node() for output in node.outputs() for target in output.get_target_inputs()]


def feeds_convolution(node: Any) -> bool:
    """Whether a convolution depends on what a node gives."""
    seen: set[str] = set()
    waiting = _users(node)
    while waiting:
        user = waiting.pop()
        if user.get_friendly_name() in seen:
            continue
        seen.add(user.get_friendly_name())
        if user.get_type_name() == "Convolution":
            return True
        waiting += _users(user)
    return False


def follows_convolution(node: Any) -> bool:
    """Whether a node is a convolution or depends on one."""
    seen: set[str] = set()
    waiting = [node]
    while waiting:
        source = waiting.pop()
        if source.get_friendly_name() in seen:
            continue
        seen.add(source.get_friendly_name())
        if source.get_type_name() in ("Convolution", "GroupConvolution"):
            return True
        waiting += [value.get_node() for value in source.input_values()]
    return False


def is_quantised(value: Any) -> bool:
    """Whether a value is a quantised one, or several joined."""
    node = value.get_node()
    if node.get_type_name() == "Concat":
        return all(is_quantised(part) for part in node.input_values())
    return bool(node.get_type_name() == "FakeQuantize")


def _cut(model: Any, heads: list[Any], start: Any, half: bool) -> Any:
    import openvino
    from openvino import opset13

    results = []
    for name, head in zip(_HEADS, heads, strict=True):
        head = opset13.transpose(head, np.array([0, 2, 3, 1])).output(0)
        if half:
            head = opset13.convert(head, openvino.Type.bf16).output(0)
        head.get_tensor().set_names({name})
        results.append(opset13.result(head))
    # a node of its own, so that the name does not stick to the whole graph
    image = opset13.reshape(start, np.array(start.get_shape()), False).output(0)
    image.get_tensor().set_names({_START})
    return openvino.Model([*results, opset13.result(image)], model.get_parameters(), "heads")
