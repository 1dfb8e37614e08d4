"""One mix of each style, made once for all tests."""

import pytest

from rebounce.training.music import STYLES, Mix, make_mix

SEED = 311


@pytest.fixture(scope="session", params=sorted(STYLES))
def mix(request: pytest.FixtureRequest) -> Mix:
    return make_mix(SEED, seconds=24.0, style=request.param)
