"""A server of recorded answers, on loopback, with the failures that real ones have."""

from __future__ import annotations

import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Answer:
    """One answer. With ``cut``, the connection ends after so many bytes of the body.

    With ``drips`` ("headers", "body") there is no end: a byte each tenth of a second, until whoever asked is gone.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    drips: str = ""


@dataclass
class Asked:
    """What was asked for."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


class FeedServer:
    """Answers of a path are given one after the other; the last one stays."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: defaultdict[str, list[Answer]] = defaultdict(list)
        self.asked: list[Asked] = []

    def put(self, path: str, *answers: Answer | bytes) -> str:
        """Answer ``path`` with these from now on; returns its address."""
        self.answers[path] = [one if isinstance(one, Answer) else Answer(one) for one in answers]
        return f"{self.url}{path}"

    def of(self, path: str) -> list[Asked]:
        """What was asked of ``path``."""
        return [one for one in self.asked if one.path == path]


@contextmanager
def feed_server(tls: ssl.SSLContext | None = None) -> Iterator[FeedServer]:
    """A server that is running; with ``tls``, it speaks https."""
    made: FeedServer
    gone = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.asked.append(Asked(parts.path, dict(parse_qsl(parts.query)), headers))
            waiting = made.answers.get(parts.path) or [Answer(b"", 404)]
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 304 and not answer.drips:
                self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            if answer.drips == "headers":
                self.flush_headers()
                self.wfile.write(b"X-Slow: ")
            else:
                self.end_headers()
            while answer.drips and not gone.wait(0.1):
                try:
                    self.wfile.write(b"x")
                except OSError:
                    return
            self.wfile.write(answer.body[: answer.cut])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made = FeedServer(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        gone.set()
        server.shutdown()
        thread.join()
        server.server_close()
