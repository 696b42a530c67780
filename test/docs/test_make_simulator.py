"""The picture of simulated faults."""

import numpy as np
import pytest

from docs.make_simulator import _LIGHT, FAULTS, IMAGES, _alone, _clean, _image, _signed, main


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_shows(name):
    error = _image(FAULTS[name], light=_LIGHT.get(name, 1.0)) - _clean()
    seen = np.isfinite(error) & np.isfinite(_clean())
    changed = (np.abs(error) > 1e-4) | ~seen
    assert changed.any()
    assert not changed.all() or any(word in name for word in ("noise", "bias", "wiggle"))


def test_errors_are_blue_below_zero_and_red_above_and_holes_are_black():
    blue, white, red, none = _signed(np.array([[-0.02, 0.0, 0.02, np.nan]], np.float32))[0].astype(int)
    assert blue[0] > 2 * blue[2] and red[2] > 2 * red[0] and white.min() > 200 and none.max() == 0


def test_there_is_a_panel_for_each_fault_and_for_what_the_calibration_does():
    captions = [panel.caption for panel in _alone()]
    assert set(FAULTS) < set(captions) and "calibration 2 px off" in captions
    assert (IMAGES / "simulator_faults.png").is_file()


def test_without_recordings_nothing_is_written_beside_the_page(monkeypatch, tmp_path):
    monkeypatch.setattr("docs.make_simulator.IMAGES", tmp_path)
    monkeypatch.setattr("docs.make_simulator.BESIDE", tmp_path / "beside.png")
    monkeypatch.setattr("sys.argv", ["make_simulator"])
    assert main() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["simulator_faults.png"]
