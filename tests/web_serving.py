"""A real web server on this machine, which serves what a test tells it to, rightly or wrongly."""

import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where it is, and what it was asked for."""

    address: str
    asked: list[str] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # which is only whoever asked, leaving
            super().handle_error(request, client_address)


@contextmanager
def serving(answers: dict[str, Answer], certificate: Path | None = None) -> Iterator[Site]:
    """A server with an answer to each path, others are not found; with a certificate it speaks TLS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            path = self.path.partition("?")[0]
            site.asked.append(path)
            answers.get(path, status(404))(self)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: the terminal belongs to pytest."""

    server = _Server(("127.0.0.1", 0), Handler)
    site = Site(address=f"http://127.0.0.1:{server.server_port}")
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        site = Site(address=f"https://localhost:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def body(data: bytes, claimed: int | None = None, is_open_ended: bool = False) -> Answer:
    """This content; of another length than it claims, or of none that it tells."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if not is_open_ended:
            handler.send_header("Content-Length", str(len(data) if claimed is None else claimed))
        handler.end_headers()
        _send(handler, data)

    return answer


def chunked(pieces: list[bytes], ends: bool = True) -> Answer:
    """This content in pieces, the last of which may be missing."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            _send(handler, b"%x\r\n%s\r\n" % (len(piece), piece))
        if ends:
            _send(handler, b"0\r\n\r\n")

    return answer


def status(code: int, reason: str = "as was asked", **headers: str) -> Answer:
    """No content, only this code."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code, reason)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def silence(stop: threading.Event, before: bytes = b"", claimed: int = 1 << 20) -> Answer:
    """The start of an answer, and then nothing until the test ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if before:
            handler.send_response(200)
            handler.send_header("Content-Length", str(claimed))
            handler.end_headers()
            _send(handler, before)
        stop.wait()

    return answer


def _send(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    try:
        handler.wfile.write(data)
        handler.wfile.flush()
    except OSError:  # whoever asked left
        handler.close_connection = True
