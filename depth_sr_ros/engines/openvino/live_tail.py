"""Lets OpenVINO compute FDKN's live form up to its head, and `live_kernels` the rest.

As in `tail`, the graph is cut behind the last convolution, found by structure, and gives its output as the convolution
leaves it. What is cut off also kept the maps before the first convolutions in float32, since OpenVINO computes nothing
in bfloat16 that reaches an output without a convolution: relief and noise are differences of logarithms, of which
bfloat16 leaves nothing. One number of each such map is therefore an output, too.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from depth_sr_ros.engines.base import Arrays
from depth_sr_ros.engines.openvino.tail import (
    bits_of,
    can_run_tail,
    feeds_convolution,
    follows_convolution,
    is_quantised,
)

_HEAD, _COLOUR = "live/head", "live/colour"
_BLOCK, _LANES, _MAPS = 4, 16, 31


def cut_behind_head(model: Any, half: bool) -> Any | None:
    """The part of a live frame graph that ends in its head.

    Args:
        model: OpenVINO's model at a fixed size; it shares its nodes with the result.
        half: whether the head is given in bfloat16.

    Returns:
        A model that `LiveTail` completes, or None where the tail does not fit: another network, or numba is not there.
    """
    shuffled = [node.input_value(0) for node in model.get_ordered_ops() if _shuffles(node)]
    heads = [value for value in shuffled if follows_convolution(value.get_node())]
    colours = [value for value in shuffled if not follows_convolution(value.get_node())]
    if [len(heads), len(colours)] != [1, 1] or not can_run_tail():
        return None
    if [int(value.get_shape()[1]) for value in (*heads, *colours)] != [_MAPS * _LANES, _LANES]:
        return None
    return _cut(model, heads[0], colours[0], half)


class LiveTail:
    """Completes what a model of `cut_behind_head` gives.

    Args:
        request: an inference request of the compiled model.
        threads: to use.
    """

    def __init__(self, request: Any, threads: int) -> None:
        from depth_sr_ros.engines.openvino import live_kernels

        self._kernels = live_kernels
        self._request = request
        rows, columns = (int(side) for side in request.get_tensor(_COLOUR).shape[1:3])
        self._size = (rows * _BLOCK, columns * _BLOCK)
        pad = live_kernels.PAD
        padded = (self._size[0] + 2 * pad, self._size[1] + 2 * pad)
        self._image, self._threes, self._nines = (np.zeros(padded, np.float32) for _ in range(3))
        self._blended = np.empty(self._size[0] * self._size[1], np.float32)
        # kernels meet one kind of array, whether what comes is read-only or a part of another: each is compiled for
        self._depths = [np.empty(self._size, np.float32) for _ in range(3)]
        self._quality = np.empty(self._size, np.uint8)
        self._layout = live_kernels.layout_of(self._size[1])
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "live_tail") if threads > 1 else None

    def __call__(self, inputs: Arrays) -> Arrays:
        """Outputs of the frame graph for the frame that the request has just been run on, `inputs`."""
        kernels, layout, rows = self._kernels, self._layout, self._size[0] // _BLOCK
        head, colour = (self._request.get_tensor(name).data for name in (_HEAD, _COLOUR))
        head, colour = bits_of(head), colour.reshape(-1)
        for memory, name in zip(self._depths, ("start", "near", "far"), strict=True):
            np.copyto(memory, inputs[name])
        np.copyto(self._quality, inputs["quality"])
        depths, quality, blended = tuple(map(np.ravel, self._depths)), self._quality.reshape(-1), self._blended
        image, averages = self._image, (self._threes, self._nines)
        images = tuple(plane.reshape(-1) for plane in (image, *averages))
        self._in_bands(lambda *band: kernels.choose_rows(head, colour, depths, layout, *band, images[0], blended), rows)
        _repeat_border(image, kernels.PAD)
        self._in_bands(lambda *band: kernels.average_rows(image, *band, *averages), len(image))
        depth, error = np.empty(self._size, np.float32), np.empty(self._size, np.float32)
        given = head, images, depths, quality, blended, layout
        results = depth.reshape(-1), error.reshape(-1)
        self._in_bands(lambda *band: kernels.filter_rows(*given, *band, *results), rows)
        return {"depth_hr": depth, "expected_error": error}

    def close(self) -> None:
        """Ends the threads."""
        self._request = None
        if self._pool is not None:
            self._pool.shutdown()

    def _in_bands(self, work: Any, rows: int) -> None:
        """Shares rows between the threads, and waits for all."""
        edges = [rows * part // self._threads for part in range(self._threads + 1)]
        bands = list(zip(edges[:-1], edges[1:], strict=True))
        others = [self._pool.submit(work, *band) for band in bands[1:]] if self._pool else []
        work(*bands[0])
        for other in others:
            other.result()


def is_cut_live(compiled: Any) -> bool:
    """Whether a compiled model ends in a live network's head."""
    return any(_HEAD in output.get_names() for output in compiled.outputs)


def _repeat_border(image: Any, pad: int) -> None:
    inner = image[pad:-pad]
    inner[:, :pad], inner[:, -pad:] = inner[:, pad : pad + 1], inner[:, -pad - 1 : -pad]
    image[:pad], image[-pad:] = inner[0], inner[-1]


def _shuffles(node: Any) -> bool:
    """Whether a node turns channels into blocks of pixels at full resolution, with no convolution behind it."""
    if node.get_type_name() != "DepthToSpace":
        return False
    return bool(node.get_attributes()["block_size"] == _BLOCK and not feeds_convolution(node))


def _unquantised(value: Any) -> list[Any]:
    """What a convolution reads, before it is quantised: only convolutions may read 8-bit integers."""
    node = value.get_node()
    if node.get_type_name() == "FakeQuantize":
        return [node.input_value(0)]
    if is_quantised(value):
        return [part for joined in node.input_values() for part in _unquantised(joined)]
    return [value]


def _cut(model: Any, head: Any, colour: Any, half: bool) -> Any:
    import openvino
    from openvino import opset13

    results = []
    for name, value in ((_HEAD, head), (_COLOUR, colour)):
        value = opset13.transpose(value, np.array([0, 2, 3, 1])).output(0)
        if half and name == _HEAD:
            value = opset13.convert(value, openvino.Type.bf16).output(0)
        value.get_tensor().set_names({name})
        results.append(opset13.result(value))
    one = np.ones(4, np.int64)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Convolution" and not follows_convolution(node.input_value(0).get_node()):
            for value in _unquantised(node.input_value(0)):
                corner = opset13.slice(value, 0 * one, one, one)
                results.append(opset13.result(corner.output(0)))
    return openvino.Model(results, model.get_parameters(), "live head")
