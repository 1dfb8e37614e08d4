"""Tensors this small are computed faster by one thread than they are shared out among several."""

from collections.abc import Iterator

import pytest
from torch_threads import threads


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with threads(1):
        yield
