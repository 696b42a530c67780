"""Keeps OpenVINO from telling its maker that it is used.

`import openvino` sends an event over the network, from a process of its own and without asking first, unless the
package `openvino_telemetry` cannot be imported; then it does nothing in its place. A robot should do neither, so this
module, which is imported before any engine, makes the package look absent.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

# None is how Python notes that a module is not to be found
sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
