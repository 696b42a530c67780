import sys
from types import ModuleType, SimpleNamespace

import pytest
from std_msgs.msg import Header
from test_stream_relation import edge
from two_cameras import motion

from depth_sr_ros.ros import live_transforms
from depth_sr_ros.ros.live_transforms import UNREADABLE, LiveTransforms


@pytest.mark.parametrize("installed", [True, False])
def test_says_whether_the_topic_can_be_read_here(monkeypatch, installed):
    module = ModuleType("tf2_msgs.msg")
    module.TFMessage = Header  # any message
    for name, found in (("tf2_msgs", ModuleType("tf2_msgs")), ("tf2_msgs.msg", module)):
        monkeypatch.setitem(sys.modules, name, found if installed else None)
    transforms = LiveTransforms()
    assert transforms.readable == installed and live_transforms.message_type() is (Header if installed else None)
    assert transforms.found() == ("" if installed else UNREADABLE)


def test_a_transform_that_is_none_is_told_and_the_others_stay():
    told = []
    transforms = LiveTransforms(told.append)
    transforms.keep(SimpleNamespace(transforms=[edge("a", "b", motion(x=0.5))]))
    bad = edge("a", "c")
    bad.transform.rotation.w = 0.0
    transforms.keep(SimpleNamespace(transforms=[bad]))
    assert transforms.version == 2 and len(told) == 1 and "a -> c: expected a rotation" in told[0]
    assert transforms.between("b", "a")[0, 3] == 0.5 and transforms.between("c", "a") is None
