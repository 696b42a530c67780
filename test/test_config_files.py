import pytest

from depth_sr_ros.config_files import find_config

FOLDERS = {"ament": "install/share/depth_sr_ros/config", "pip": "venv/share/depth_sr_ros/config"}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package in site-packages of an empty environment."""
    monkeypatch.setattr("depth_sr_ros.config_files.__file__", str(tmp_path / "venv" / "lib" / "depth_sr_ros" / "x.py"))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/opt/ros/nothing:{tmp_path / 'install'}")
    return tmp_path


@pytest.mark.parametrize("name", ["fastdds.xml", "sr.yaml", "cameras", "cameras/azure_kinect.yaml"])
def test_source_checkout_is_found(name):
    assert (find := find_config(name)) and find.exists()


@pytest.mark.parametrize("kind", FOLDERS)
def test_installation_is_found(installed, kind):
    folder = installed / FOLDERS[kind] / "cameras"
    folder.mkdir(parents=True)
    assert find_config("cameras") == folder


def test_ros_share_folder_comes_before_pip(installed):
    for folder in FOLDERS.values():
        (installed / folder).mkdir(parents=True)
        (installed / folder / "sr.yaml").touch()
    assert find_config("sr.yaml") == installed / FOLDERS["ament"] / "sr.yaml"


def test_folder_of_another_package_beside_it_is_not_taken(installed):
    (installed / "venv" / "lib" / "config" / "cameras").mkdir(parents=True)
    assert find_config("cameras") is None
