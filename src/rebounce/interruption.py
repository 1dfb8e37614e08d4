"""Ctrl-C, and a polite stop from outside: the first one ends the work, those that follow change nothing.

Ending takes a moment, in which what is half-written is removed; a second Ctrl-C in it must not leave that behind.
"""

import signal
import sys
from _thread import interrupt_main
from threading import Timer, main_thread
from types import FrameType

AGAIN_S = 0.01

# SIGHUP is what a closed terminal sends; Windows has none.
STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def hear_stops() -> None:
    """Make the first of these signals raise KeyboardInterrupt; one that is ignored (as nohup asks) stays so."""
    heard: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) == 1:
            raise KeyboardInterrupt

    def lost(unraisable: "sys.UnraisableHookArgs") -> None:
        # A signal may come while Python runs a finaliser or a weak reference's callback, which let no exception out:
        # the stop would be lost, and those after it change nothing. So it is sent once more, when that is over.
        if not heard or not isinstance(unraisable.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)
            return
        number = heard[0]
        heard.clear()
        Timer(AGAIN_S, _send, [number]).start()

    sys.unraisablehook = lost
    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _send(number: int) -> None:
    """A signal that also wakes a main thread that waits; on Windows it is heard when that wait is over."""
    main = main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, number)
    else:
        interrupt_main(signal.Signals(number))


def hear_no_more_stops() -> None:
    """The work is done: a stop now would only spoil the exit code."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
