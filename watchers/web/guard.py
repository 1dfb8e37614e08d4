"""Who may ask, and what every answer forbids.

What always holds, whatever is behind: a Host header that is not this machine's is refused, so that no foreign name can
be bound to this address; a token is wanted where there is one; another site neither sends anything here nor embeds
anything from here; and no page that is served runs a script of anybody else's.
"""

import hmac
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rebounce.watchers.web.door import Door

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")
OWN_HEADER = "x-rebounce"
"""A page of another site cannot send this one without asking first, and is never told yes."""

MOST_BODY_BYTES = 4096
LONGEST_NUMBER = 18
COOKIE_S = 30 * 86_400
HEALTH = "/health"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types "
    "'none'"
)
ALWAYS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What is let in: `hosts` by name, and where the page is bound to every address, any address of numbers.

    Of the hosts the `further` ones belong to servers that stand before the page, with a scheme and a port of theirs.
    """

    hosts: frozenset[str]
    further: frozenset[str] = frozenset()
    takes_any_address: bool
    token: str | None
    cookie: str

    @property
    def cookie_value(self) -> str:
        """What the browser keeps in place of the token itself."""
        return "" if self.token is None else hmac.new(self.token.encode(), b"rebounce page", sha256).hexdigest()


def access_to(door: Door, port: int, token: str | None) -> Access:
    """What is let in at a door, whose port and token are known by now."""
    address, further = door.address, frozenset(name.lower() for name in door.hosts)
    bound = f"[{address.host}]" if ":" in address.host else address.host
    names = {*LOOPBACK_NAMES, bound.lower(), *further}
    is_everywhere = address.host in EVERYWHERE
    if is_everywhere:
        own = socket.gethostname().lower()
        names |= {own, f"{own}.local"}
    # A cookie is shared by all ports of a machine, so its name holds the port.
    return Access(
        hosts=frozenset(names),
        further=further,
        takes_any_address=is_everywhere,
        token=token,
        cookie=f"rebounce-{port}",
    )


class Guard:
    """Stands before everything that is served, see above."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        if scope["type"] != "http":
            return  # websockets: there are none here
        refused = self._refused(Request(scope))
        await (refused or self._app)(scope, receive, send_with_headers)

    def _refused(self, request: Request) -> Response | None:
        """What is said instead of an answer; None where there is to be one."""
        if not self._is_own_host(request.headers):
            return _said(403, "This name does not lead to this page. Open it by its address, or as localhost.")
        if request.url.path == HEALTH and request.method in ("GET", "HEAD"):
            return None
        return self._without_token(request) or _from_elsewhere(request, self._access.further) or _unfit(request)

    def _is_own_host(self, headers: Headers) -> bool:
        found = headers.getlist("host")
        if len(found) != 1:
            return False
        name = host_of(found[0])
        return name in self._access.hosts or (self._access.takes_any_address and _is_number(name))

    def _without_token(self, request: Request) -> Response | None:
        token = self._access.token
        if token is None:
            return None
        if request.url.path == "/" and _same(request.query_params.get("token", ""), token):
            # From now on the cookie counts, and the token stands in no address any more.
            answer = RedirectResponse("/", status_code=303)
            answer.set_cookie(
                self._access.cookie, self._access.cookie_value, max_age=COOKIE_S, httponly=True, samesite="lax"
            )
            return answer
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        has_header = kind.lower() == "bearer" and _same(given, token)
        if has_header or _same(request.cookies.get(self._access.cookie, ""), self._access.cookie_value):
            return None
        return _said(
            401,
            "This page is private. Open the link with ?token=... that rebounce printed when it started, once in this "
            "browser.",
        )


def host_of(header: str) -> str:
    """The name in a Host header, without its port."""
    name, colon, port = header.rpartition(":")
    has_port = bool(colon) and port.isascii() and port.isdigit() and (":" not in name or name.endswith("]"))
    return (name if has_port else header).lower()


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _same(given: str, wanted: str) -> bool:
    """Compared in a time that tells nothing."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def _from_elsewhere(request: Request, further: frozenset[str]) -> Response | None:
    """Refuses what another site's page asks for, except that it may link to this page."""
    site = request.headers.get("sec-fetch-site", "none")
    is_link = (
        request.method == "GET" and request.url.path == "/" and request.headers.get("sec-fetch-mode") == "navigate"
    )
    if site not in ("same-origin", "none") and not is_link:
        return _said(403, "Another site asked for this, and is not let in.")
    if request.method in ("GET", "HEAD"):
        return None
    scheme, _, origin = request.headers.get("origin", "").partition("://")
    is_own = scheme in ("http", "https") and (origin == request.headers["host"] or host_of(origin) in further)
    if not is_own or OWN_HEADER not in request.headers:
        return _said(403, "Another site asked for this, and is not let in.")
    return None


def _unfit(request: Request) -> Response | None:
    """Refuses bodies that are no small JSON."""
    if request.method in ("GET", "HEAD"):
        return None
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _said(415, "Expected JSON.")
    length = request.headers.get("content-length", "")
    if len(length) > LONGEST_NUMBER:
        return _said(413, f"Expected at most {MOST_BODY_BYTES} bytes.")
    if not (length.isascii() and length.isdigit()):
        return _said(411, "Expected a Content-Length.")
    return _said(413, f"Expected at most {MOST_BODY_BYTES} bytes.") if int(length) > MOST_BODY_BYTES else None


def _said(status: int, sentence: str) -> Response:
    headers: dict[str, Any] = {"www-authenticate": "Bearer"} if status == 401 else {}
    return PlainTextResponse(sentence + "\n", status_code=status, headers=headers)
