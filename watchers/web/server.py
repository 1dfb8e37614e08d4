"""The page as a part of the service: bound, served in a thread, and stopped.

What always holds: this module can be imported without the extra `web`; nothing is served before the address is known
to be free; and where other machines can reach the page there is a token.
"""

import asyncio
import errno
import socket
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import quote

from rebounce.engine.errors import UsageError
from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.status import Watched
from rebounce.watchers.web.calls import Calls
from rebounce.watchers.web.door import Door
from rebounce.watchers.web.limits import Limits
from rebounce.watchers.web.shelf import Shelf

if TYPE_CHECKING:
    from rebounce.watchers.web.serving import Serving

PARTS = ("starlette", "uvicorn")
READY_S = 10.0
STOP_S = 1.0


class WebPage:
    """The page of a service."""

    def __init__(self, watched: Sequence[Watched], door: Door, calls: Calls, limits: Limits | None = None) -> None:
        require_parts()
        self._shelf = Shelf(watched)
        self._door = door
        self._calls = calls
        self._limits = limits or Limits()
        self._serving: Serving | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Serve from now on; returns the address to open, with the token where one is wanted."""
        from rebounce.watchers.web.guard import access_to
        from rebounce.watchers.web.serving import Serving

        address = self._door.address
        listener = _bound(address)
        port: int = listener.getsockname()[1]
        token = self._door.key()
        self._serving = Serving(self._shelf, access_to(self._door, port, token), self._calls, self._limits)
        self._thread = threading.Thread(target=self._run, args=(self._serving, listener), name="page", daemon=True)
        self._thread.start()
        self._serving.ready.wait(READY_S)
        query = "" if token is None else f"?token={quote(token, safe='')}"
        return f"http://{_named(address, port)}/{query}"

    def stop(self) -> None:
        """Serve no longer: open streams end, transfers are broken off, children are killed."""
        if self._serving is None or self._thread is None:
            return
        self._serving.end()
        self._thread.join(STOP_S)
        self._serving = self._thread = None

    def _run(self, serving: "Serving", listener: socket.socket) -> None:
        try:
            asyncio.run(serving.serve([listener]))
        except Exception as problem:
            self._calls.failed("the page ended, and is there again after a restart", problem)

    def replace(self, watched: Sequence[Watched]) -> None:
        """Show these folders from now on."""
        self._shelf.replace(watched)


def require_parts() -> None:
    """A UsageError that says what to install, where the extra `web` is missing."""
    try:
        for name in PARTS:
            import_module(name)
    except ImportError as problem:
        raise UsageError(
            f"the page needs {' and '.join(PARTS)}, and {problem.name} is missing; install both with "
            "pip install 'rebounce[web]', or leave the page out"
        ) from problem


def _bound(address: WebAddress) -> socket.socket:
    """A listening socket, or in one sentence why there can be none."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        return socket.create_server(place[:2], family=family)
    except OSError as problem:
        raise UsageError(f"the page cannot be served at {address}: {_why(problem)}") from problem


def _why(problem: OSError) -> str:
    if isinstance(problem, socket.gaierror):
        return "this is no name or address that is known here; 127.0.0.1 is this machine alone, 0.0.0.0 is all of it"
    return {
        errno.EADDRINUSE: "another program has this port, perhaps another rebounce; give another one, or port 0 for "
        "one that is free",
        errno.EACCES: "ports below 1024 belong to the system; give a higher one",
        errno.EADDRNOTAVAIL: "this machine does not have that address; 127.0.0.1 is this machine alone, 0.0.0.0 all "
        "of it",
    }.get(problem.errno or 0, f"{problem.strerror}; give another address")


def _named(address: WebAddress, port: int) -> str:
    """The address as others reach it."""
    host = {"0.0.0.0": _own_address(socket.AF_INET), "::": _own_address(socket.AF_INET6)}.get(
        address.host, address.host
    )
    return str(WebAddress(host=host, port=port))


def _own_address(family: socket.AddressFamily) -> str:
    """The address by which this machine is known on its network; nothing is sent to find it."""
    documentation = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((documentation, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1" if family == socket.AF_INET else "::1"
