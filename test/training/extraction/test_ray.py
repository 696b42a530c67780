"""The same shards from a Ray cluster of two workers on this machine, also when one of them is killed."""

import os
import signal
import socket
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from training.extraction.bag_task import BagFailure, ExtractionOptions
from training.extraction.run import extract
from training.extraction.workers import RayWorkers

SMALL = ExtractionOptions(shard_samples=5)
pytestmark = pytest.mark.timeout(300)  # a cluster takes its time to start on a busy machine
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray; pip install -e '.[ray]'")


@pytest.fixture(scope="module")
def cluster():
    workers = RayWorkers("local", 2)
    yield workers
    workers.close()


@needs_ray
@pytest.mark.slow
def test_a_cluster_gives_the_same_shards(cluster, bags, whole, tmp_path, scene):
    result = extract([bags], tmp_path / "out", SMALL, cluster, say=lambda text: None)
    assert len(result.extracted) == 2 and scene.tree(tmp_path / "out") == whole
    assert extract([bags], tmp_path / "out", SMALL, cluster, say=lambda text: None).skipped == 2


@needs_ray
@pytest.mark.slow
def test_paths_may_be_relative_to_where_the_command_is_given(cluster, bags, whole, tmp_path, scene, monkeypatch):
    monkeypatch.chdir(bags.parent)  # the workers are elsewhere
    result = extract([Path(bags.name)], tmp_path / "out", SMALL, cluster, say=lambda text: None)
    assert len(result.extracted) == 2 and scene.tree(tmp_path / "out") == whole


class Killer(threading.Thread):
    """Kills the first worker that has begun to write a shard, by the process number in its working folder's name."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.killed, self.stop = work, [], False

    def run(self):
        while not self.killed and not self.stop:
            for tar in self.work.glob("*/*.tar"):
                process = int(tar.parent.name.split("-")[-2])
                assert process != os.getpid()
                os.kill(process, signal.SIGKILL)
                self.killed.append(tar.parent.name)
                break
            time.sleep(0.002)


@needs_ray
@pytest.mark.slow
def test_a_worker_that_is_killed_half_way_changes_nothing(cluster, tmp_path, scene):
    for seed, name in enumerate(["first", "second", "third"]):
        scene.write_scene(tmp_path / "bags" / name, 60, seed=seed)
    extract([tmp_path / "bags"], tmp_path / "serial", SMALL, say=lambda text: None)
    killer = Killer(tmp_path / "out" / ".work")
    killer.start()
    result = extract([tmp_path / "bags"], tmp_path / "out", SMALL, cluster, say=lambda text: None)
    killer.stop = True
    killer.join()
    assert len(killer.killed) == 1, "no worker was met at work"
    assert not result.failures and len(result.extracted) == 3
    assert scene.tree(tmp_path / "out") == scene.tree(tmp_path / "serial")
    assert not (tmp_path / "out" / ".work").exists()


@needs_ray
@pytest.mark.slow
def test_a_bag_that_kills_every_worker_fails_alone(cluster, bags):
    def die_at_office(path):
        if path.name == "office":
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    paths = [bags / "kitchen", bags / "office"]
    found = dict(cluster._run(die_at_office, paths, lambda path: path))
    assert found[paths[0]] == "done"
    assert isinstance(found[paths[1]], BagFailure) and "its worker died 4 times" in found[paths[1]].message


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_an_address_where_nothing_listens_is_refused_at_once(address):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ValueError, match=f":{port}: expected a Ray cluster there, found: .*refused"):
        RayWorkers(address.format(port))


def test_without_ray_the_option_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"found no module `ray`; pip install -e '\.\[ray\]'"):
        RayWorkers("local")
