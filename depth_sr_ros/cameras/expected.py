"""What to expect of a camera: errors of simulated ones, `config/cameras/expected.json`.

`python -m docs.make_cameras` writes the file from the measurements behind docs/cameras.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from depth_sr_ros.config_files import find_config


@dataclass(frozen=True)
class MethodErrors:
    """Errors of one way of serving a camera, averaged over scenes; millimetres.

    Attributes:
        title: of the method.
        mae: mean absolute error over all pixels that have a value.
        edges: over those within 4 pixels of a depth edge.
        elsewhere: over the others.
        coverage: share of the image that has a value.
        on_driver: mean absolute error over the pixels that have a value in depth aligned by a driver.
    """

    title: str
    mae: float
    edges: float
    elsewhere: float
    coverage: float
    on_driver: float

    def __str__(self) -> str:
        over = f"{self.coverage:.0%} of the pixels"
        if self.coverage > 0.9995:
            over = f"all pixels ({self.on_driver:.1f} where a driver has depth)"
        errors = f"{self.mae:.1f} mm over {over}, {self.edges:.0f} at edges, {self.elsewhere:.1f} elsewhere"
        return f"{self.title}: {errors}"


@dataclass(frozen=True)
class ExpectedErrors:
    """Errors of one simulated camera.

    Attributes:
        title: of the camera.
        ratio: colour pixels per depth pixel, along a line.
        methods: the driver's alignment as it arrives, and what the package makes of raw depth.
    """

    title: str
    ratio: float
    methods: tuple[MethodErrors, ...]


def expected_errors(camera: str) -> ExpectedErrors | None:
    """Errors of a simulated camera.

    Args:
        camera: as `Preset.simulated_as`.

    Returns:
        None where it was not measured, or the installation has no measurements.
    """
    file = find_config("cameras/expected.json")
    known = json.loads(file.read_text()).get(camera) if file else None
    if known is None:
        return None
    return ExpectedErrors(known["title"], known["ratio"], tuple(MethodErrors(**row) for row in known["methods"]))
