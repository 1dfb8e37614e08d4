"""Connections that keep others out by saying nothing, as real sockets."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from page_asking import OWN, Asker, page_of
from page_folders import failed, folder_at

from rebounce.watchers.status import Watched
from rebounce.watchers.web.limits import Limits

LIMITS = Limits(connections=4, request_s=0.5)
FILLED = LIMITS.connections - 1
"""With the one that asks next the limit is reached."""

LONG_S = 60.0
STREAM = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = (
    "POST /bounces/0/1/retry HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
    + "".join(f"{name}: {value}\r\n" for name, value in OWN.items())
    + "Content-Length: 16\r\n\r\n"
)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return folder_at(tmp_path / "Bounces")


@pytest.fixture
def page(watched: Watched) -> Iterator[Asker]:
    with page_of(watched, limits=LIMITS) as asker:
        yield asker


def connected(page: Asker, said: str = "") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", page.port), timeout=LONG_S)
    connection.sendall(said.format(host=page.host).encode())
    return connection


def told_of(words: str, stream: socket.socket) -> None:
    """Listen until these words come."""
    heard = b""
    while words.encode() not in heard:
        piece = stream.recv(65_536)
        assert piece
        heard += piece


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def rest(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    heard = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            heard += piece
    return heard


@pytest.mark.parametrize(
    "said", ["", "GET / HT", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", POST, POST + '{{"preset":']
)
def test_a_request_that_does_not_come_in_whole_gives_its_place_back(page: Asker, said: str) -> None:
    silent = [connected(page, said) for _ in range(FILLED)]
    for connection in silent:
        with connection:
            assert rest(connection) == b""
    assert page.ask("/health").status == 200
    assert page.said == []


def test_one_that_says_a_little_now_and_then_is_closed_too(page: Asker) -> None:
    with connected(page, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ") as slow:
        slow.settimeout(0.01)
        for _ in range(6000):
            with contextlib.suppress(OSError):
                slow.send(b"x")
            if is_closed(slow):
                return
    raise AssertionError("it is open still")


def test_the_second_request_of_a_connection_has_the_same_limit(page: Asker) -> None:
    whole = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(page, whole) as connection:
        assert b"200 OK" in connection.recv(65_536)
        connection.sendall(b"GET /health HT")
        assert b"HTTP/1.1" not in rest(connection)


def test_an_answer_may_take_as_long_as_it_likes(page: Asker, watched: Watched) -> None:
    with connected(page, STREAM) as stream, connected(page) as silent:
        told_of("event: folder", stream)
        assert rest(silent) == b""
        failed(watched, "Mix.wav")
        told_of("Mix.wav", stream)


def test_more_connections_than_the_limit_are_told_and_the_others_stay(watched: Watched) -> None:
    with page_of(watched, limits=replace(LIMITS, request_s=3600)) as page, contextlib.ExitStack() as stack:
        stream = stack.enter_context(connected(page, STREAM))
        assert b"200 OK" in stream.recv(65_536)
        silent = [stack.enter_context(connected(page)) for _ in range(FILLED - 1)]
        while page.ask("/health").status == 200:
            pass  # the silent ones are not all seen yet
        failed(watched, "Mix.wav")
        told_of("Mix.wav", stream)
        silent[0].close()
        while page.ask("/health").status != 200:
            pass


def test_more_streams_than_the_limit_are_refused_in_a_sentence(watched: Watched) -> None:
    with page_of(watched, limits=Limits(streams=1)) as page, connected(page, STREAM) as stream:
        told_of("event: folder", stream)
        answer = page.ask("/events")
        assert (answer.status, "close some" in answer.json()["error"]) == (503, True)
        assert page.ask("/").status == 200
