"""Ctrl-C, and a polite stop from outside: the first one ends the work, those that follow change nothing.

Ending takes a moment, in which what is half-written is removed; a second Ctrl-C in it must not leave that behind.
"""

import signal
from itertools import count
from types import FrameType

# SIGHUP is what a closed terminal sends; Windows has none.
STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def hear_stops() -> None:
    """Make the first of these signals raise KeyboardInterrupt; one that is ignored (as nohup asks) stays so."""
    heard = count()

    def stop(number: int, frame: FrameType | None) -> None:
        if next(heard) == 0:
            raise KeyboardInterrupt

    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def hear_no_more_stops() -> None:
    """The work is done: a stop now would only spoil the exit code."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
