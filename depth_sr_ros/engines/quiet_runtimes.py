"""Keeps OpenVINO and ONNX Runtime from telling their makers that they are used.

`import openvino` sends an event over the network, from a process of its own and without asking first, unless the
package `openvino_telemetry` cannot be imported; then it does nothing in its place. `import onnxruntime` makes up an
identity for the machine, keeps events in the user's cache folder and starts a thread to send them, unless an
environment variable forbids it. A robot should do none of this, so this module, which is imported before any engine,
makes the package look absent and sets the variable where the user has not set it.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import cast

# None is how Python notes that a module is not to be found
sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
