"""The server behind the page: uvicorn, made to sleep while nobody asks, and to stop at once."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable

from uvicorn import Config, Server

from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.web.app import Site
from rebounce.watchers.web.darkroom import Darkroom
from rebounce.watchers.web.feed import Feed
from rebounce.watchers.web.guard import Guard, access_to
from rebounce.watchers.web.shelf import Shelf
from rebounce.watchers.web.stream import Streams

MOST_CONNECTIONS = 256


class Serving:
    """One run of the server. `ready` is set when it answers."""

    def __init__(
        self,
        shelf: Shelf,
        bound: tuple[WebAddress, int, str | None],
        *,
        presets: Callable[[], list[str]],
        wake: Callable[[], None],
        healthy: Callable[[], bool],
    ) -> None:
        self._feed = Feed(shelf, presets, healthy)
        self._streams = Streams(self._feed)
        self._darkroom = Darkroom()
        site = Site(
            shelf=shelf,
            streams=self._streams,
            darkroom=self._darkroom,
            presets=presets,
            wake=wake,
            healthy=healthy,
        )
        self._server = _Server(Guard(site.application(), access_to(*bound)), self._streams.end)

    @property
    def ready(self) -> threading.Event:
        return self._server.ready

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Answer until the end is asked for."""
        try:
            await self._server.serve(sockets)
        finally:
            self._server.ready.set()

    def end(self) -> None:
        """Ask for the end, from another thread."""
        self._server.end()
        self._feed.close()
        self._darkroom.close()


class _Server(Server):
    """uvicorn wakes ten times a second to see whether it is to stop; this one is told."""

    def __init__(self, app: Guard, at_end: Callable[[], None]) -> None:
        super().__init__(
            Config(
                app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                # Those who still listen are told to end before; transfers are broken off.
                timeout_graceful_shutdown=0,
            )
        )
        self.ready = threading.Event()
        self._at_end = at_end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        await self._is_over.wait()
        self._at_end()

    def end(self) -> None:
        """Stop, from another thread; does nothing where it ended already."""
        self.ready.wait()
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._is_over.set)
