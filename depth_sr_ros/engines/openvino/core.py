"""OpenVINO's core, one for the process.

Its CPU plugin gives the thread that loads it an alternate stack for signals. When the plugin is unloaded it frees that
stack and puts back the one it had found, unless another was set since. So of two cores, the first closed first, the
second puts back a stack that has been freed, and a core that another thread closes leaves one: the next signal that
Python handles, a Ctrl-C for one, ends the process without a word (seen with OpenVINO 2026.4). A core that is never
closed does neither.
"""

from __future__ import annotations

import threading
from typing import Any

_lock = threading.Lock()
_core: Any = None


def openvino_core() -> Any:
    """The `openvino.Core` of this process. Raises ImportError where OpenVINO is not installed."""
    global _core
    import openvino

    with _lock:
        if _core is None:
            _core = openvino.Core()
        return _core
