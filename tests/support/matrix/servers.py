"""What happens to the servers of a cluster: one, the one that leads, two, or all of them."""

from __future__ import annotations

import time
from typing import Final

from sitewire.broker_config.names import LEASES_BUCKET, METRICS_STREAM
from support.cluster import Cluster, Node
from support.matrix.clustered import Clustered, Parted
from support.matrix.processes import Happening, away
from support.matrix.stand import Stand

LEAST_STOPPED: Final = 10.0  # seconds: elections begin after four to nine
MOST_STOPPED: Final = 60.0  # seconds in full: longer than a link is held for alive
MOST_PARTED: Final = 40.0  # seconds
LEADERS: Final = (METRICS_STREAM, f"KV_{LEASES_BUCKET}")


def _cluster(stand: Stand) -> Cluster:
    assert isinstance(stand.broker, Clustered)
    return stand.broker.cluster


def _any(stand: Stand) -> Node:
    """Draw one; all run between two strikes."""
    down = [node for node in _cluster(stand).nodes if not node.running]
    assert not down, f"it died of itself: {down[0].log.read_text()[-3000:]}"
    return stand.rng.choice(_cluster(stand).nodes)


def _leading(stand: Stand) -> Node:
    return _cluster(stand).leader(stand.rng.choice(LEADERS))


def _kill_one(stand: Stand) -> None:
    """Whoever it is, and whether or not the one before has caught up."""
    node = _any(stand)
    node.kill()
    away(stand)
    node.start()


def _kill_leader(stand: Stand) -> None:
    node = _leading(stand)
    node.kill()
    away(stand)
    node.start()


def _kill_two(stand: Stand) -> None:
    killed = stand.rng.sample(_cluster(stand).nodes, 2)
    for node in killed:
        node.kill()
    time.sleep(stand.rng.uniform(0, LEAST_STOPPED))  # the third one cannot store anything
    for node in killed:
        node.start()
        away(stand)


def _kill_all(stand: Stand) -> None:
    _cluster(stand).kill()
    nodes = stand.rng.sample(_cluster(stand).nodes, 3)
    for node in nodes:
        away(stand)
        node.start()


def _stop_leader(stand: Stand) -> None:
    node = _leading(stand)
    node.pause()
    time.sleep(stand.rng.uniform(LEAST_STOPPED, MOST_STOPPED))
    node.resume()


def _stop_leader_shortly(stand: Stand) -> None:
    node = _leading(stand)
    node.pause()
    time.sleep(stand.rng.uniform(0.1, LEAST_STOPPED))
    node.resume()


def _upgrade(stand: Stand) -> None:
    """One after the other, each when the one before is whole again."""
    for node in stand.rng.sample(_cluster(stand).nodes, 3):
        node.retire()
        node.start()
        _cluster(stand).wait_whole()


def _wipe_one(stand: Stand) -> None:
    """Only one at a time lacks its store: what two of three have forgotten, a majority has forgotten."""
    _cluster(stand).wait_whole()
    node = _any(stand)
    node.kill()
    node.wipe()
    away(stand)
    node.start()
    _cluster(stand).wait_whole()


def _part(stand: Stand) -> None:
    """Cut one server off from the other two; clients reach all three as before."""
    assert isinstance(stand.broker, Parted)
    links = stand.broker.ways_of(stand.rng.choice([_any(stand), _leading(stand)]))
    holds = stand.rng.random() < 0.5
    for link in links:
        if holds:
            link.hold()
        else:
            link.cut()
    time.sleep(stand.rng.uniform(0.5, MOST_PARTED))
    for link in links:
        link.heal()


ONE_KILLED = Happening("one of three servers is killed", _kill_one)
LEADER_KILLED = Happening("the server that leads is killed", _kill_leader)
TWO_KILLED = Happening("two of three servers are killed", _kill_two)
ALL_KILLED = Happening("all three servers are killed at once", _kill_all)
LEADER_STOPPED = Happening("the server that leads is stopped for up to 60 s", _stop_leader)
LEADER_STOPPED_SHORTLY = Happening("the server that leads is stopped for up to 10 s", _stop_leader_shortly)
UPGRADED = Happening("each server is told to leave (lame duck), and started again", _upgrade)
ONE_WIPED = Happening("one of three servers loses its store", _wipe_one)
PARTED = Happening("one of three servers is cut off from the others", _part)
