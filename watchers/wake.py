"""Wakes the service's thread from another: something to wait for beside the workers."""

import contextlib
import multiprocessing
from multiprocessing.connection import Connection


class Wake:
    """Set from any thread, or from a signal handler; `connection` is ready once it was."""

    def __init__(self) -> None:
        self.connection: Connection
        self.connection, self._ours = multiprocessing.Pipe(duplex=False)
        # No lock: a signal handler sets it in the very thread that clears it.
        self._is_set = False

    def set(self) -> None:
        """Have the other side wake up; many times before it does so count as one."""
        if not self._is_set:
            self._is_set = True
            with contextlib.suppress(OSError):
                self._ours.send_bytes(b"w")

    def clear(self) -> None:
        """Woken up."""
        self._is_set = False
        while self.connection.poll():
            self.connection.recv_bytes()

    def close(self) -> None:
        """Nobody waits any more."""
        self._ours.close()
        self.connection.close()
