"""Fetches the archive of a model package from a web address.

Always true here: nothing but http and https is spoken, wherever a server redirects to; a certificate that cannot be
verified is an error; plain http only where the caller allows it; what is shorter than the server said, or longer than
any package, is an error; no address is made up, and none is told with what follows its `?`, which may be a secret.
"""

import hashlib
import http.client
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from rebounce import __version__
from rebounce.engine.byte_sizes import spell_bytes
from rebounce.engine.errors import ModelError, UsageError
from rebounce.engine.staging import check_room, output_errors
from rebounce.model_archive import MOST_BYTES

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PIECE_BYTES = 1 << 16


class Meter(Protocol):
    """What is told of each piece that came: how much there is now, of how much in all if that is known."""

    def __call__(self, done_bytes: int, total_bytes: int | None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to fetch from; `allows_http` where nobody between here and the server could do harm unseen."""

    url: str
    timeout_s: float
    allows_http: bool

    def __post_init__(self) -> None:
        check_scheme(self.url, self.allows_http)
        if not _is_whole(self.url):
            raise UsageError(
                f"{self.shown}: expected https://host/path in plain letters, with spaces and accents as %20 and the "
                "like, and without a user's name or password"
            )

    @property
    def shown(self) -> str:
        """The address as it may be told."""
        return shown(self.url)


def is_address(source: str) -> bool:
    """True for a web address of whatever kind, false for a path."""
    return _ADDRESS.match(source) is not None


def shown(url: str) -> str:
    """An address without user, password and what follows `?` or `#`, as it may be told."""
    scheme, _, rest = url.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    text = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    return text if text.isprintable() else repr(text)


def check_scheme(url: str, allows_http: bool) -> None:
    """UsageError for a scheme that is not spoken here."""
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        raise UsageError(f"{shown(url)}: expected an address that begins with https://, or a path, found {scheme}://")
    if scheme == "http" and not allows_http:
        raise UsageError(
            f"{shown(url)}: http:// lets anybody on the way put another package in its place; use https://, or give "
            "--sha256 of the archive, or --allow-http on a network that you trust"
        )


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_place = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:  # brackets that do not close, or a port that is none
        return False
    return has_place and url.isascii() and url.isprintable() and " " not in url


def fetch(address: Address, target: Path, file: BinaryIO, meter: Meter) -> str:
    """Write what is at an address into an open file, which is staged for `target`; returns the SHA-256."""
    digest, done = hashlib.sha256(), 0
    with _faults_told(address), _opened(address) as response:
        total = response.length
        if total is not None:
            _check_size(address, total)
            check_room(target, total)
        while data := response.read1(_PIECE_BYTES):
            with output_errors(target):
                file.write(data)
            digest.update(data)
            done += len(data)
            _check_size(address, done)
            meter(done, total)
    if total is not None and done != total:
        raise ModelError(f"{address.shown}: expected {total} bytes, as the server said, found {done}; fetch it again")
    with output_errors(target):
        file.flush()
    return digest.hexdigest()


def _opened(address: Address) -> http.client.HTTPResponse:
    request = Request(address.url, headers={"User-Agent": f"rebounce/{__version__}"})
    opener = build_opener(_Redirects(address.allows_http))
    response: http.client.HTTPResponse = opener.open(request, timeout=address.timeout_s)
    return response


class _Redirects(HTTPRedirectHandler):
    """Follows a redirect only to where the address itself might have led."""

    def __init__(self, allows_http: bool) -> None:
        self._allows_http = allows_http

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        try:
            check_scheme(newurl, self._allows_http)
        except UsageError as error:
            fp.close()
            raise ModelError(
                f"{shown(req.full_url)}: the server redirects to another kind of address: {error}"
            ) from error
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_size(address: Address, size: int) -> None:
    if size > MOST_BYTES:
        raise ModelError(
            f"{address.shown}: expected a model package of at most {spell_bytes(MOST_BYTES)}, found more; "
            "check that the address is the right one"
        )


@contextmanager
def _faults_told(address: Address) -> Iterator[None]:
    try:
        yield
    except HTTPError as error:
        with error:
            raise ModelError(f"{address.shown}: {_told_of_status(error.code)}; check the address") from error
    except (URLError, OSError, http.client.HTTPException, ValueError, OverflowError) as error:
        raise ModelError(f"{address.shown}: {_told(address, getattr(error, 'reason', error))}") from error


def _told_of_status(code: int) -> str:
    """In words of our own: what a server says may hold anything, such as what a terminal obeys."""
    if code // 100 == 3:
        return "the server redirects in a circle, or to another kind of address"
    words = http.client.responses.get(code, "something unknown")
    return f"expected the archive of a model package, the server answered {code} ({words})"


def _told(address: Address, reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"expected a certificate that can be verified, found: {reason.verify_message}; nothing is fetched from a "
            "server that may be another than it says: check the address and this machine's clock"
        )
    if isinstance(reason, TimeoutError):
        return f"expected an answer within {address.timeout_s:g} s, found none; try again, or give --timeout more"
    if isinstance(reason, http.client.IncompleteRead):
        return f"the connection broke off after {len(reason.partial)} bytes of a piece; fetch it again"
    return f"expected to reach the server, found: {reason or type(reason).__name__}; check the address and the network"
