"""The steps between which the service may be killed: each has a name, and who listens is told before and after it.

What always holds: whatever is killed before or after any step, the next start ends the work with every bounce
delivered once. The proofs take their list of places to kill at from here, so that no step is without its proof.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

Listener = Callable[[str, str], None]
"""Told the name of a step, and BEFORE or AFTER."""

BEFORE, AFTER = "before", "after"

STEPS: list[str] = []
"""Every step there is, as soon as the modules that hold them are imported."""

_listeners: list[Listener] = []


def step(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function a step of that name."""
    assert name not in STEPS, name
    STEPS.append(name)

    def decorate(work: Callable[P, R]) -> Callable[P, R]:
        @wraps(work)
        def told(*args: P.args, **kwargs: P.kwargs) -> R:
            _tell(name, BEFORE)
            result = work(*args, **kwargs)
            _tell(name, AFTER)
            return result

        return told

    return decorate


def listen(listener: Listener) -> None:
    """Have this process tell its steps from now on."""
    _listeners.append(listener)


def _tell(name: str, when: str) -> None:
    for listener in _listeners:
        listener(name, when)
