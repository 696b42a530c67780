"""The node with the gated engine in front of all others; see test/engines/gated.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))

import gated

gated.register()

from depth_sr_ros.ros.node import main  # noqa: E402

sys.exit(main())
