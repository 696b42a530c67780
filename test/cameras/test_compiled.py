"""Compiling where nothing can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import depth_sr_ros

PROGRAM = """
import numpy as np
from depth_sr_ros.cameras.registration import Registration, warm_up
warm_up()
depth = np.full((6, 8), 2.0, np.float32)
assert (Registration.identity((6, 8), (13, 17))(depth).start == 2.0).all()
import depth_sr_ros
print(depth_sr_ros.__file__)
"""


@pytest.mark.slow
def test_a_read_only_installation_compiles_in_memory(tmp_path):
    """Files in the way of every folder that could hold what is compiled: root could write into a read-only one."""
    package = tmp_path / "depth_sr_ros"
    source = Path(depth_sr_ros.__file__).parent
    shutil.copytree(source / "cameras", package / "cameras", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "__init__.py", package)
    (package / "cameras" / "__pycache__").write_text("")
    home = tmp_path / "home"
    home.write_text("")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA", "XDG"))}
    environment |= {"HOME": str(home), "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=110
    )
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()).parent == package
    assert not list(tmp_path.rglob("*.nbi"))
