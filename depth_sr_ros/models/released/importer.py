"""From the authors' checkpoint to an artifact."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.export.artifacts import export_artifact
from depth_sr_ros.models.registry import create_model
from depth_sr_ros.models.released.checkpoint import ReleasedError, read_state
from depth_sr_ros.models.released.layout import ImportSettings, Layout
from depth_sr_ros.models.released.layouts import LAYOUTS

# files of PyTorch before 0.4.1 do not have it, and nothing here reads it
_MAY_BE_MISSING = "num_batches_tracked"


@dataclass(frozen=True)
class ImportReport:
    """What became of a checkpoint's tensors.

    Attributes:
        used: how many now are in the network.
        unused: theirs that never reach the released network's output and were left out.
        unrecognised: theirs that the published layout does not have; left out.
        defaulted: ours that the checkpoint need not have and does not; they keep their initial value.
        conventions: what sets the weights apart from those trained here.
    """

    used: int
    unused: tuple[str, ...]
    unrecognised: tuple[str, ...]
    defaulted: tuple[str, ...]
    conventions: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report in words."""
        told = [f"{self.used} tensors imported"]
        told += [f"convention: {sentence}" for sentence in self.conventions]
        for names, meaning in (
            (self.unused, "without effect on the released network's output, left out"),
            (self.defaulted, "not in the checkpoint, not needed"),
            (self.unrecognised, "NOT RECOGNISED, left out"),
        ):
            if names:
                told.append(f"{len(names)} {meaning}: {', '.join(names)}")
        return told


def import_released(
    model: str,
    checkpoint: Path,
    folder: Path,
    scale: int,
    settings: ImportSettings | None = None,
    command: str = "",
) -> ImportReport:
    """Writes an artifact from a released checkpoint.

    Args:
        model: `fdkn`, `dkn`, `jiif`, `dagf` or `dada`.
        checkpoint: the authors' file.
        folder: where the artifact shall lie.
        scale: ratio of guide and depth that the weights were trained for; no checkpoint says.
        settings: what else it does not say.
        command: for the card.

    Raises:
        ReleasedError: the file is no checkpoint of this model, or lacks a tensor; the message names them.
    """
    layout = _layout(model)
    network, report = convert(model, read_state(checkpoint), scale, settings)
    training = {
        "origin": "released by the authors",
        "repository": layout.repository,
        "licence": layout.licence,
        "file": checkpoint.name,
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "conventions": list(report.conventions),
        "unused": list(report.unused),
        "unrecognised": list(report.unrecognised),
    }
    export_artifact(network, model, folder, training=training, command=command, storage="fp32")
    return report


def convert(
    model: str, state: Mapping[str, Tensor], scale: int, settings: ImportSettings | None = None
) -> tuple[GuidedUpsampler, ImportReport]:
    """A network of this package, in evaluation mode, with a released checkpoint's tensors.

    Args:
        model: see `import_released`.
        state: the checkpoint's tensors by the authors' names.
        scale: see `import_released`.
        settings: see `import_released`.

    Raises:
        ReleasedError: see `import_released`.
    """
    layout, settings = _layout(model), settings or ImportSettings()
    order = _channel_order(model, layout, settings)
    if not layout.fits(state):
        raise ReleasedError(_wrong_layout(model, layout, state))
    try:
        adapted, options = layout.adapt(dict(state), order, settings)
    except KeyError as error:
        raise ReleasedError(f"released {model}: expected a tensor {error}, the checkpoint has none") from error
    network = _network(model, {**options, **settings.options, "scale": scale})
    renamed, unused, unrecognised = _rename(layout, adapted, network.state_dict())
    defaulted = _fill(model, network, renamed, unrecognised)
    conventions = (f"colour as {order.upper()} in the release", *layout.conventions)
    return network.eval(), ImportReport(len(renamed), unused, unrecognised, defaulted, conventions)


def _layout(model: str) -> Layout:
    if model not in LAYOUTS:
        raise ReleasedError(f"model {model!r}: expected one of {sorted(LAYOUTS)}; no other weights are released")
    return LAYOUTS[model]


def _channel_order(model: str, layout: Layout, settings: ImportSettings) -> str:
    order = settings.channel_order or layout.channel_orders[0]
    if order not in layout.channel_orders:
        raise ReleasedError(f"channel order: expected one of {layout.channel_orders} for {model}, found {order!r}")
    return order


def _network(model: str, options: Mapping[str, Any]) -> GuidedUpsampler:
    try:
        return create_model(model, **options)
    except (TypeError, ValueError) as error:  # an option that the network does not have, or no value for it
        raise ReleasedError(f"options {sorted(options)}: {error}") from error


def _wrong_layout(model: str, layout: Layout, state: Mapping[str, Tensor]) -> str:
    others = [name for name, other in LAYOUTS.items() if other.fits(state)]
    hint = f"it looks like {' or '.join(others)}" if others else f"found, among others, {sorted(state)[:5]}"
    return f"released {model}: expected a tensor {layout.marker!r}; {hint}"


def _rename(
    layout: Layout, state: Mapping[str, Tensor], places: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    renamed: dict[str, Tensor] = {}
    unused: list[str] = []
    unrecognised: list[str] = []
    for name, tensor in state.items():
        ours = layout.our_name(name)
        if ours is not None and ours in places and ours not in renamed:
            renamed[ours] = tensor
        else:
            (unused if layout.is_unused(name) else unrecognised).append(name)
    return renamed, tuple(unused), tuple(unrecognised)


def _fill(
    model: str, network: GuidedUpsampler, renamed: Mapping[str, Tensor], unrecognised: tuple[str, ...]
) -> tuple[str, ...]:
    """Puts the tensors into the network; returns the names that keep their initial value."""
    places: dict[str, Any] = network.state_dict()
    for name, tensor in renamed.items():
        if tensor.shape != places[name].shape:
            expected, found = tuple(places[name].shape), tuple(tensor.shape)
            raise ReleasedError(f"released {model}, {name}: expected shape {expected}, found {found}")
    missing = [name for name in places if name not in renamed]
    without = [name for name in missing if not name.endswith(_MAY_BE_MISSING)]
    if without:
        raise ReleasedError(
            f"released {model}: {len(without)} tensors have no value: {', '.join(without)}; not recognised in "
            f"the checkpoint: {', '.join(unrecognised) or 'none'}"
        )
    network.load_state_dict(dict(renamed), strict=False)
    return tuple(missing)
