"""Makes an artifact that also holds its graph in 8-bit integers, if that costs less than one per cent of accuracy.

Frames of a recording set the ranges of the layers; others, from its later half, measure what is lost. Both need depth
as large as the colour image: it is made coarse for the network, and is itself what the result is compared with. The
error of the 8-bit graph is reported beside that of the same weights in float32, measured by the same code.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact, ArtifactError, write_artifact
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.grids import colour_on_grid, depth_on_grid, frame_layout
from depth_sr_ros.engines import Arrays, EngineError
from depth_sr_ros.engines.openvino.int8 import quantised_layers, quantiser_version, write_int8_graph
from depth_sr_ros.frame_graphs import PAPERS
from depth_sr_ros.recordings.recording import RecordedFrame, Recording, pair_frames
from depth_sr_ros.upsampler import Upsampler

LIMIT = 0.01
"""Largest accepted growth of the root mean square error."""
_FEWEST = 2

Pair = tuple[RecordedFrame, RecordedFrame]
Say = Callable[[str], None]


class QuantisationError(ValueError):
    """A graph that was not quantised: no usable frames, nncf missing, or too much accuracy lost."""


@dataclass(frozen=True)
class Accuracy:
    """Errors on frames that calibration did not see, metres, against the recording's own dense depth.

    Attributes:
        frames: how many.
        rmse_fp32: of the weights in float32.
        rmse_int8: of the 8-bit graph.
        rms_difference: between both.
    """

    frames: int
    rmse_fp32: float
    rmse_int8: float
    rms_difference: float

    @property
    def cost(self) -> float:
        """How much larger the error became, as a share."""
        return self.rmse_int8 / self.rmse_fp32 - 1


def quantise_artifact(
    artifact: Artifact,
    recordings: Sequence[Recording],
    out: Path,
    *,
    frames: int = 32,
    slop_ns: int = 20_000_000,
    command: str = "",
    say: Say = lambda text: None,
) -> Accuracy:
    """Writes a copy of an artifact with an 8-bit graph, and on its card how that was made and what it costs.

    Args:
        artifact: what to quantise.
        recordings: of the cameras that it shall serve, depth as large as colour.
        out: folder of the new artifact.
        frames: pairs to calibrate with, over all recordings; half as many measure.
        slop_ns: largest stamp distance of a pair.
        command: the command that asked for it, for the card.
        say: told what is being done.

    Raises:
        QuantisationError: it was not made; the message says what to change.
        RecordingError: a recording cannot be read.
    """
    try:
        if artifact.card.form is not PAPERS:
            raise QuantisationError(
                f"{artifact.folder}: expected weights of the papers' frame graph, found those of the "
                f"{artifact.card.frame_graph} one, whose 8-bit graph `python -m training quantise-live` makes on "
                "simulated cameras"
            )
        version = quantiser_version()
        share = max(_FEWEST, -(-frames // len(recordings)))
        chosen = [_chosen(recording, slop_ns, share) for recording in recordings]
        calibration = [inputs for early, _ in chosen for inputs in _inputs(artifact, early)]
        if not calibration:
            raise QuantisationError("calibration: expected usable pairs of colour and depth, found none")
        with tempfile.TemporaryDirectory() as scratch:
            say(f"quantising with {len(calibration)} frames")
            files = write_int8_graph(artifact, calibration, Path(scratch))
            trial = _with_graph(artifact, files, Path(scratch) / "trial", {})
            measuring = [pair for _, late in chosen for pair in late]
            say(f"measuring on {len(measuring)} other frames")
            accuracy = measure(artifact, trial, measuring)
            _check(accuracy)
            note = {
                "method": f"nncf {version}, mixed preset, convolutions only",
                "layers": quantised_layers(files[0]),
                "recordings": [Path(recording.name).name for recording in recordings],
                "calibration_frames": len(calibration),
                **asdict(accuracy),
                "cost": accuracy.cost,
                "command": command,
            }
            _with_graph(artifact, files, out, note)
            return accuracy
    except (ArtifactError, EngineError) as error:
        raise QuantisationError(str(error)) from error


def measure(artifact: Artifact, quantised: Artifact, pairs: Sequence[Pair]) -> Accuracy:
    """Runs both graphs on the same frames and compares them with the recorded depth.

    Raises:
        QuantisationError: no pair has depth as large as colour.
        EngineError: an engine cannot be built.
    """
    scale, model = artifact.card.scale, artifact.card.model
    runs = [
        Upsampler(model, scale, weights=a.folder, engine="openvino", precision=p)
        for a, p in ((artifact, "fp32"), (quantised, "int8"))
    ]
    sums, count, used = np.zeros(3), 0, 0
    for colour, depth in pairs:
        try:
            rgb, truth = _pixels(colour), depth.metres()
            if truth.shape != rgb.shape[:2]:
                continue
            exact, rough = (run(rgb, truth).depth for run in runs)
        except FrameError:
            continue
        known = np.isfinite(truth) & np.isfinite(exact) & np.isfinite(rough)
        differences = (exact - truth, rough - truth, rough - exact)
        sums += [float(np.square(d[known], dtype=np.float64).sum()) for d in differences]
        count, used = count + int(known.sum()), used + 1
    if not count:
        raise QuantisationError(
            "frames: expected depth as large as the colour image, to measure the error against, found none; record "
            "depth that the camera driver has aligned to colour"
        )
    fp32, int8, difference = np.sqrt(sums / count).tolist()
    return Accuracy(used, fp32, int8, difference)


def _check(accuracy: Accuracy) -> None:
    if not accuracy.cost <= LIMIT:
        raise QuantisationError(
            f"refused: expected an error at most {LIMIT:.0%} above float32, found {1e3 * accuracy.rmse_int8:.2f} mm "
            f"instead of {1e3 * accuracy.rmse_fp32:.2f} mm (+{accuracy.cost:.1%}) on {accuracy.frames} frames; give "
            "more frames that look like those the camera will see, or stay with bf16 or fp32"
        )


def _chosen(recording: Recording, slop_ns: int, share: int) -> tuple[list[Pair], list[Pair]]:
    """Frames to calibrate with, from a recording's earlier half, and half as many to measure with, from the later.

    A frame of a bag holds its message, so the pairs are counted first and only the chosen ones kept of a second pass.
    """
    count = sum(1 for _ in pair_frames(recording.frames(), slop_ns))
    half = count // 2
    if not half:
        raise QuantisationError(f"{recording.name}: expected at least two pairs of colour and depth, found {count}")
    early, late = _evenly(range(half), share), _evenly(range(half, count), max(1, share // 2))
    wanted = {*early, *late}
    kept = {i: pair for i, pair in enumerate(pair_frames(recording.frames(), slop_ns)) if i in wanted}
    return [kept[i] for i in early], [kept[i] for i in late]


def _evenly(indices: range, count: int) -> list[int]:
    return [indices[i] for i in np.unique(np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int))]


def _inputs(artifact: Artifact, pairs: Sequence[Pair]) -> list[Arrays]:
    """What an engine would be given for the pairs; those that cannot be used are left out."""
    card = artifact.card
    found: list[Arrays] = []
    for colour, depth in pairs:
        try:
            rgb, metres = _pixels(colour), depth.metres()
            layout = frame_layout(rgb.shape[:2], metres.shape, card.scale, (card.scale,), card.size_multiple)
            found.append({"rgb": colour_on_grid(rgb, layout), "depth": depth_on_grid(metres, layout, rgb.shape[:2])})
        except FrameError:
            continue
    return found


def _pixels(colour: RecordedFrame) -> NDArray[np.uint8]:
    return colour.load()[0].astype(np.uint8, copy=False)


def _with_graph(artifact: Artifact, files: Sequence[Path], out: Path, note: dict[str, object]) -> Artifact:
    card = replace(artifact.card, quantisation=note)
    kept = [artifact.provenance] if artifact.provenance else []
    return write_artifact(out, card, artifact.graph, artifact.weights, artifact.fixture(), [*files, *kept])
