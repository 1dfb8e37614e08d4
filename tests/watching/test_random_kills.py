"""The whole service killed at random moments while bounces are being written into its folder as DAWs write them."""

import random
import sys
from pathlib import Path

import pytest
from watch_kills import kill_at_random

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")


def test_ten_kills_at_random_moments_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    assert kill_at_random(tmp_path, random.Random(12), kills=10, bounces=12) == []
