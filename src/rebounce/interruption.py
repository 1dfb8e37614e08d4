"""Ctrl-C, and a polite stop from outside: the first one ends the work, those that follow change nothing.

Ending takes a moment, in which what is half-written is removed; a second Ctrl-C in it must not leave that behind.
"""

import signal
from types import FrameType

# SIGHUP is what a closed terminal sends; Windows has none.
STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def hear_stops() -> None:
    """Make each of the signals raise KeyboardInterrupt, but for those that were to be ignored (as nohup asks)."""
    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt
