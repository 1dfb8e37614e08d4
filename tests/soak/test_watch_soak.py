"""The watch folder service under a hundred kills at random moments, and under thousands of bounces at once."""

import random
from pathlib import Path

import pytest
from mounting import mount_memory, own_mounts
from watch_floods import flood
from watch_kills import kill_at_random

KILLS, BOUNCES = 100, 110
MANY = 5000


@pytest.mark.parametrize("is_share", [False, True])
def test_a_hundred_kills_at_random_moments_lose_nothing_and_do_nothing_twice(tmp_path: Path, is_share: bool) -> None:
    moments = random.Random(100 + is_share)
    assert kill_at_random(tmp_path, moments, kills=KILLS, bounces=BOUNCES, share=is_share, poll_s=0.2) == []


def test_a_hundred_kills_while_originals_go_to_another_disk_lose_nothing(tmp_path: Path) -> None:
    with own_mounts():
        mount_memory(tmp_path / "ground/Bounces/Done", megabytes=256)
        assert kill_at_random(tmp_path, random.Random(102), kills=KILLS, bounces=BOUNCES) == []


def test_five_thousand_bounces_at_once(tmp_path: Path) -> None:
    assert flood(tmp_path, count=MANY) == []
