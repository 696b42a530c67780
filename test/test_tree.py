"""What is checked in stays small: a clone takes seconds, and no file is one that a host would warn about."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MIB = 2**20


@pytest.fixture(scope="module")
def tracked():
    """Sizes in bytes of the files that git knows, by their paths."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed here")
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode or not listed.stdout:
        pytest.skip(f"{ROOT} is no git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return {path.relative_to(ROOT): path.stat().st_size for path in paths if path.is_file()}


def test_no_file_is_larger_than_16_mebibytes(tracked):
    assert {str(path): size for path, size in tracked.items() if size > 16 * MIB} == {}


def test_the_tree_is_smaller_than_70_megabytes(tracked):
    assert sum(tracked.values()) < 70_000_000
