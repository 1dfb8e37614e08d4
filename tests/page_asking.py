"""A page that is really served, and asked as a browser, a script or somebody with worse in mind would."""

import http.client
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.status import Watched
from rebounce.watchers.web.calls import Calls
from rebounce.watchers.web.door import Door
from rebounce.watchers.web.limits import Limits
from rebounce.watchers.web.server import WebPage
from rebounce.watchers.web.shelf import key_of

PRESETS = ["auto", "bypass", "five-stage"]
OWN = {"X-Rebounce": "1", "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks one page; paths go out as they are given, dots and all."""

    url: str
    woken: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)

    @property
    def port(self) -> int:
        port = urllib.parse.urlsplit(self.url).port
        assert port is not None
        return port

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(
        self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes | None = None
    ) -> Answer:
        """One request; a Host header is made up unless one is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {"Host": self.host} | dict(headers or {})
            connection.putrequest(method, path, skip_host=True)
            for name, value in given.items():
                connection.putheader(name, value)
            if body is not None and "Content-Length" not in given and "Transfer-Encoding" not in given:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(status=answer.status, headers=answer.headers, body=answer.read())
        finally:
            connection.close()

    def post(self, path: str, asked: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """What the page itself sends."""
        own = OWN | {"Origin": f"http://{self.host}"} | dict(headers or {})
        return self.ask(path, own, method="POST", body=json.dumps(asked).encode())


@contextmanager
def page_of(
    *watched: Watched, is_well: bool = True, host: str = "127.0.0.1", limits: Limits | None = None, **more: Any
) -> Iterator[Asker]:
    """A page of these folders; what else is given is for its door, or what it calls."""
    woken: list[str] = []
    said: list[tuple[str, str]] = []
    calls = Calls(
        presets=more.pop("presets", lambda: list(PRESETS)),
        wake=more.pop("wake", lambda: woken.append("woken")),
        healthy=lambda: is_well,
        say=lambda level, sentence: said.append((level, sentence)),
    )
    page = WebPage(watched, Door(address=WebAddress(host=host, port=0), **more), calls, limits)
    try:
        yield Asker(url=page.start(), woken=woken, said=said)
    finally:
        page.stop()


def address(watched: Watched, id: int) -> str:
    """Where a bounce is on the page."""
    return f"/bounces/{key_of(watched)}/{id}"
