"""Holds Ctrl-C and its like back for as long as they would do harm: in calls that lose exceptions, and between two
steps of which both or none must be done.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# SIGHUP is what a closed terminal sends; Windows has none.
DEFERRED_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def signals_wait() -> Iterator[None]:
    """Hold back Python's handlers of Ctrl-C, SIGTERM and SIGHUP until the end of the block; it must be a short one."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread alone, so nothing can be raised here
        return
    caught: list[tuple[int, FrameType | None]] = []
    python_handlers = {
        int(number): handler for number in DEFERRED_SIGNALS if callable(handler := signal.getsignal(number))
    }
    for number in python_handlers:
        signal.signal(number, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in python_handlers.items():
            signal.signal(number, handler)
        for number, frame in caught:
            python_handlers[number](number, frame)


@contextlib.contextmanager
def ctrl_c_blocked() -> Iterator[None]:
    """Processes started inside never hear Ctrl-C, not even while they import: it is the parent's to tell them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield  # Windows, where it reaches every process of the console
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
