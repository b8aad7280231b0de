"""A Redis Cluster of three nodes, and what happens to it, judged by the history checker."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.long.faults import SAFE, nothing_is_lost
from tests.support.fault_bed import ClusterBed


def test_each_node_has_a_part_of_the_rooms(tmp_path: Path) -> None:
    with ClusterBed(tmp_path, **SAFE) as bed, bed.talk() as talk:
        talk.go_on(100)
        nothing_is_lost(talk.end())
        for node, room in zip(bed.cluster.primaries, bed.rooms, strict=True):
            keys = bed.cluster.ask(node, "KEYS", "*log:room-*")
            assert [str(key).partition("log:")[2].strip("'") for key in keys] == [room]  # type: ignore[attr-defined]


def test_node_killed_and_restarted(tmp_path: Path) -> None:
    with ClusterBed(tmp_path, **SAFE) as bed, bed.talk() as talk:
        for node in bed.cluster.nodes:
            talk.hurry()
            node.kill()
            talk.write()
            time.sleep(3.0)  # longer than the others wait until they call the cluster down
            node.start()
            bed.cluster.ready()
            talk.go_on()
        nothing_is_lost(talk.end())


def test_node_frozen(tmp_path: Path) -> None:
    with ClusterBed(tmp_path, **SAFE) as bed, bed.talk() as talk:
        for seconds in (1.0, 8.0):
            talk.hurry()
            bed.cluster.nodes[1].freeze()
            talk.write()
            time.sleep(seconds)
            bed.cluster.nodes[1].thaw()
            talk.go_on()
        nothing_is_lost(talk.end())


@pytest.mark.parametrize("replicas", [0, 1])
def test_primary_killed_and_its_replica_elected(tmp_path: Path, replicas: int) -> None:
    settings = {"CHAT_REDIS_REPLICAS": str(replicas)}
    with ClusterBed(tmp_path, replicas=True, settings=settings, **SAFE) as bed, bed.talk() as talk:
        talk.go_on()
        talk.hurry()
        primary = bed.cluster.nodes[0]
        primary.kill()
        talk.write()
        if replicas:
            bed.cluster.ready()
            primary.start()
        talk.go_on()
        verdict = talk.end()
        assert verdict.problems == []
        assert replicas == 0 or verdict.lost == 0


def test_fail_over_by_hand(tmp_path: Path) -> None:
    with ClusterBed(tmp_path, replicas=True, **SAFE) as bed, bed.talk() as talk:
        for replica in bed.cluster.replicas:
            talk.hurry()
            bed.cluster.ask(replica, "CLUSTER FAILOVER")
            talk.go_on()
        nothing_is_lost(talk.end())


def test_partition_moved_to_another_node(tmp_path: Path) -> None:
    with ClusterBed(tmp_path, **SAFE) as bed, bed.talk() as talk:
        for source, target in ((0, 1), (1, 2)):
            talk.hurry()
            bed.move(bed.rooms[source], source, target)
            talk.go_on()
        bed.move(bed.rooms[0], 1, 0)
        talk.go_on()
        nothing_is_lost(talk.end())
