"""Weights that the papers' authors released, brought into this package.

`import_released` reads a checkpoint of FDKN, DKN, JIIF, DAGF or DADA, renames its tensors, sets the conventions that
the weights were trained with, and writes an artifact. Files are read as data only; none can run code.
"""

from depth_sr_ros.models.released.checkpoint import ReleasedError
from depth_sr_ros.models.released.importer import ImportReport, convert, import_released
from depth_sr_ros.models.released.layout import ImportSettings
from depth_sr_ros.models.released.layouts import LAYOUTS

__all__ = ["LAYOUTS", "ImportReport", "ImportSettings", "ReleasedError", "convert", "import_released"]
