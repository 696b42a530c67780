from pathlib import Path

import pytest

from depth_sr_ros.ros.dds_profile import VARIABLES, find_profile, profile_in_force, use_profile


def test_finds_the_shipped_profile():
    profile = find_profile()
    assert profile is not None and "segment_size" in profile.read_text()


def test_sets_the_variables_of_both_versions_of_fast_dds():
    environment = {}
    assert use_profile(environment) == find_profile()
    assert environment == {name: str(find_profile()) for name in VARIABLES}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_users_profile_stays_and_holds_for_both_versions(name):
    environment = {name: "/mine.xml"}
    assert use_profile(environment) == profile_in_force(environment) == Path("/mine.xml")
    assert environment == dict.fromkeys(VARIABLES, "/mine.xml")


def test_an_empty_variable_counts_as_unset():
    environment = dict.fromkeys(VARIABLES, "")
    use_profile(environment)
    assert environment == {name: str(find_profile()) for name in VARIABLES}


def test_an_installed_share_folder_is_found(tmp_path, monkeypatch):
    installed = tmp_path / "share" / "depth_sr_ros" / "config" / "fastdds.xml"
    installed.parent.mkdir(parents=True)
    installed.write_text("<profiles/>")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/opt/ros/nothing:{tmp_path}")
    monkeypatch.setattr("depth_sr_ros.config_files.__file__", str(tmp_path / "site-packages" / "x" / "y.py"))
    assert find_profile() == installed
