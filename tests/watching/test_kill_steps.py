"""The watch folder service killed at each of its steps: whatever it was at, the next start ends it as if nothing had
been. The list of steps comes from the code, so that a new one without a kill fails.
"""

import importlib
import pkgutil
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest
from watch_stories import STORIES, Case, played_at_once

from rebounce import watchers
from rebounce.watchers.steps import STEPS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")

CASES = [case for story in STORIES for case in story.cases()]


def all_steps() -> set[str]:
    """Those of all modules."""
    for module in pkgutil.walk_packages(watchers.__path__, f"{watchers.__name__}."):
        importlib.import_module(module.name)
    return set(STEPS)


def test_every_step_is_killed_at() -> None:
    assert {case.kill.at for case in CASES} == all_steps()


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[list[str]]]:
    """What came of every case that is asked for."""
    asked = [case for item in request.session.items if (case := case_of(item))]
    return played_at_once(asked, tmp_path_factory.mktemp("kills"))


def case_of(item: pytest.Item) -> Case | None:
    parameters = getattr(item, "callspec", None)
    return parameters.params.get("case") if parameters and item.path == Path(__file__) else None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_kill_changes_nothing_in_the_end(case: Case, outcomes: dict[str, Future[list[str]]]) -> None:
    assert outcomes[str(case)].result() == []
