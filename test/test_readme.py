"""The README is true: its tables are the generated ones, its links and commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.update_readme import filled

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_generated_tables_are_up_to_date():
    assert filled(README) == README, "run `make readme`"


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_linked_files_exist(link):
    assert (ROOT / link).is_file()


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= targets
    assert [t for t in targets if not re.search(rf"^{t}:", makefile, re.MULTILINE)] == []


def test_every_subcommand_exists():
    shown = subprocess.run(
        [sys.executable, "-m", "depth_sr_ros.commands.main", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = set(re.findall(r"`depth-sr ([a-z]+)", README))
    assert commands and all(re.search(rf"^\s+{c}\b", shown, re.MULTILINE) for c in commands)


def test_every_launch_argument_exists():
    launch = (ROOT / "launch" / "sr.launch.py").read_text()
    arguments = set(re.findall(r"`?\b([a-z_]+):=", README)) - {"scale", "image"}
    assert [a for a in arguments if f'"{a}"' not in launch] == []


def test_python_example_runs():
    import numpy as np

    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    scope = {"rgb": np.zeros((64, 64, 3), np.uint8), "depth": np.ones((8, 8), np.float32)}
    exec(code, scope)
    assert scope["result"].depth.shape == (64, 64)
