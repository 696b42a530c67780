from depth_sr_ros.cameras.expected import expected_errors
from depth_sr_ros.cameras.presets import find_preset, preset_names


def test_every_preset_has_errors_to_expect():
    for name in preset_names():
        found = expected_errors(find_preset(name).simulated_as)
        assert found is not None and found.methods
        assert all(0 < method.elsewhere < method.mae < method.edges for method in found.methods)


def test_camera_that_was_not_measured_has_none():
    assert expected_errors("no such camera") is None
