"""The server behind the page: uvicorn, made to sleep while nobody asks, and to stop at once."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config, Server

from rebounce.watchers.web.app import Site
from rebounce.watchers.web.calls import Calls
from rebounce.watchers.web.darkroom import Darkroom
from rebounce.watchers.web.feed import Feed
from rebounce.watchers.web.guard import Access, Guard
from rebounce.watchers.web.impatience import impatient
from rebounce.watchers.web.limits import Limits
from rebounce.watchers.web.shelf import Shelf
from rebounce.watchers.web.stream import Streams

LONGEST_PATH = 200


class Serving:
    """One run of the server. `ready` is set when it answers."""

    def __init__(self, shelf: Shelf, access: Access, calls: Calls, limits: Limits) -> None:
        self._feed = Feed(shelf, calls)
        self._streams = Streams(self._feed, limits.streams)
        self._darkroom = Darkroom()
        site = Site(shelf=shelf, streams=self._streams, darkroom=self._darkroom, calls=calls)
        app = _Told(Guard(site.application(), access), calls)
        self._server = _Server(_config(app, limits), calls, self._streams.end)

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


class _Told:
    """Says what goes wrong in what it holds; uvicorn would write it to a log that nobody set up."""

    def __init__(self, app: ASGIApp, calls: Calls) -> None:
        self._app = app
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as problem:
            self._calls.failed(f"the page could not answer {str(scope.get('path'))[:LONGEST_PATH]!r}", problem)
            raise


def _config(app: ASGIApp, limits: Limits) -> Config:
    return Config(
        app,
        loop="asyncio",
        http=impatient(limits.request_s),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        limit_concurrency=limits.connections,
        # Those who still listen are told to end before; transfers are broken off.
        timeout_graceful_shutdown=0,
    )


class _Server(Server):
    """uvicorn wakes ten times a second to see whether it is to stop; this one is told."""

    def __init__(self, config: Config, calls: Calls, at_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._calls = calls
        self.ready = threading.Event()
        self._at_end = at_end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._say)
        self.ready.set()
        await self._is_over.wait()
        self._at_end()

    def _say(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._calls.failed("the page met a fault", context.get("exception") or RuntimeError(context["message"]))

    def end(self) -> None:
        """Stop, from another thread; does nothing where it ended already."""
        self.ready.wait()
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._is_over.set)
