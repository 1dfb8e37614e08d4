"""The watch folder service killed before and after every single step of whole stories, however often it comes by."""

from pathlib import Path

import pytest
from watch_stories import STORIES, Story, all_cases, played_at_once

# Those in which nothing else is done at a step, which a kill before it would prevent.
NAMES = (
    *("restored", "bounced_again", "the_same_under_another_name", "failed", "failed_again_under_the_name"),
    *("started_after_a_kill", "told_to_a_command", "claimed_on_a_share", "retried", "retried_in_vain"),
)
WHOLE = [story for story in STORIES if story.name in NAMES]


def test_every_name_is_that_of_a_story() -> None:
    assert sorted(story.name for story in WHOLE) == sorted(NAMES)


@pytest.mark.parametrize("story", WHOLE, ids=lambda story: story.name)
def test_a_story_ends_the_same_wherever_it_is_broken_off(story: Story, tmp_path: Path) -> None:
    cases = all_cases(story, tmp_path)
    assert {case.kill.at for case in cases} >= set(story.steps)
    outcomes = played_at_once(cases, tmp_path)
    assert {name: told.result() for name, told in outcomes.items() if told.result()} == {}
