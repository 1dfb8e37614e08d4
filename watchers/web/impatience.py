"""Connections that hand in their request within a limit, or are closed.

uvicorn waits for ever for a request whose first line never comes, and counts the connection as one of those it may
have: a few hundred silent ones would keep everybody else out. Answers may take as long as they like.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

COMING = (h11.IDLE, h11.SEND_BODY)
"""What the other side is in while its request is not whole."""


class ImpatientProtocol(H11Protocol):
    """See above. After an answer uvicorn itself waits, and not for long, for the first byte of the next request."""

    request_s = 10.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """From now on a request is waited for."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """More of it, all of it, or the beginning of another one."""
        super().data_received(data)
        if self.conn.their_state in COMING:
            self._watch()
        else:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """One limit for the whole request, or a byte now and then would do."""
        if self._late is None:
            self._late = self.loop.call_later(self.request_s, self.transport.abort)

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def impatient(request_s: float) -> type[ImpatientProtocol]:
    """The protocol with that limit."""
    return type("ImpatientProtocol", (ImpatientProtocol,), {"request_s": request_s})
