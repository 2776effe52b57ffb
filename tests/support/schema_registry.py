"""A schema registry that speaks Confluent's API over HTTP, for tests.

No real one can be had: Karapace is not on PyPI, and Apicurio's application is not on Maven Central. So this one answers
as the documentation of Confluent's API says, with its error codes; it compares and checks no schemas.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

FIRST_ID = 101
"""Ids are not versions, and do not begin with 1."""


class SchemaRegistry:
    """Runs inside ``with``. ``stop`` and ``start`` keep the port and the schemas."""

    def __init__(self, user: str = "", password: str = "", tls: tuple[Path, Path] | None = None) -> None:
        self._login = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" if user else ""
        self._tls = tls
        self._schemas: list[dict[str, Any]] = []
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.requests: list[str] = []
        """The paths that were asked for."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def register(
        self, subject: str, text: str, format: str = "AVRO", references: Sequence[tuple[str, str, int]] = ()
    ) -> int:
        """The id of a new schema; ``references`` are (name, subject, version)."""
        named = [dict(zip(("name", "subject", "version"), reference, strict=True)) for reference in references]
        return self.add(subject, {"schema": text, "schemaType": format, "references": named})

    def add(self, subject: str, posted: dict[str, Any]) -> int:
        number = FIRST_ID + len(self._schemas)
        version = 1 + sum(one["subject"] == subject for one in self._schemas)
        self._schemas.append({**posted, "id": number, "subject": subject, "version": version})
        return number

    def answer(self, path: str, authorization: str) -> tuple[int, Any]:
        """Status and body of a GET."""
        self.requests.append(path)
        if authorization != self._login:
            return 401, {"error_code": 401, "message": "Unauthorized"}
        match [unquote(part) for part in path.split("?")[0].strip("/").split("/")]:
            case ["schemas", "types"]:
                return 200, ["JSON", "PROTOBUF", "AVRO"]
            case ["schemas", "ids", number]:
                found = [one for one in self._schemas if str(one["id"]) == number]
                # The schema's format is named only where it is not Avro, as Confluent's registry does.
                told = {
                    k: v for one in found for k, v in one.items() if k in ("schema", "schemaType", "references") and v
                }
                if told.get("schemaType") == "AVRO":
                    del told["schemaType"]
                return (200, told) if found else (404, {"error_code": 40403, "message": f"Schema {number} not found"})
            case ["subjects", subject, "versions", version]:
                found = [one for one in self._schemas if (one["subject"], str(one["version"])) == (subject, version)]
                return (200, found[0]) if found else (404, {"error_code": 40401, "message": "Subject not found"})
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}


def _handler(registry: SchemaRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*registry.answer(self.path, self.headers.get("Authorization", "")))

        def do_POST(self) -> None:
            """Registers a schema, as the producers' serializers do."""
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(200, {"id": registry.add(unquote(self.path.split("/")[2]), posted)})

        def _send(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
