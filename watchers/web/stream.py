"""The stream of changes that a browser listens to, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator

from rebounce.watchers.web.feed import Feed, Shown, changes
from rebounce.watchers.web.views import View

RECONNECT_MS = 1000
# So that a listener who went away without a word is found out.
QUIET_S = 25.0


class Streams:
    """All who listen. To be used in the loop that serves."""

    def __init__(self, feed: Feed, most: int) -> None:
        self._feed = feed
        self._most = most
        self._listeners: set[asyncio.Event] = set()
        self._is_ended = False

    @property
    def is_full(self) -> bool:
        return len(self._listeners) >= self._most

    def end(self) -> None:
        """Every stream ends now."""
        self._is_ended = True
        for listener in self._listeners:
            listener.set()

    async def events(self) -> AsyncIterator[bytes]:
        """Everything at first, and then what changes; one who is slow is told the latest, not all that was between."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.set)

        self._listeners.add(news)
        self._feed.join(wake)
        try:
            yield f"retry: {RECONNECT_MS}\n\n".encode()
            known: Shown | None = None
            while not self._is_ended:
                is_news = await _heard(news)
                latest = self._feed.shown
                if not is_news:
                    yield b": still here\n\n"
                elif latest is not None:
                    for name, view in changes(known, latest):
                        yield event(name, view)
                    known = latest
        finally:
            self._feed.leave(wake)
            self._listeners.discard(news)


async def _heard(news: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(news.wait(), QUIET_S)
    except TimeoutError:
        return False
    news.clear()
    return True


def event(name: str, view: View) -> bytes:
    """One event; in ASCII, so that no name can spoil it."""
    return f"event: {name}\ndata: {json.dumps(view, allow_nan=False)}\n\n".encode("ascii")
