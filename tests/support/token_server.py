"""A token server of the tests' own (OAuth 2, client credentials). A broker can check its tokens: they are signed."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT, SECRET, SCOPE = "desk client", "s3cret+%/", "kafka"
"""With characters that the request has to encode."""


class TokenServer:
    """Serves tokens for ``CLIENT`` at ``url`` and, for brokers, its public keys at ``keys_url``."""

    def __init__(self, subject: str) -> None:
        self.asked = 0
        """How many tokens were given."""

        self._subject = subject
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/token"
        self.keys_url = f"http://127.0.0.1:{self._http.server_address[1]}/keys"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def keys(self) -> dict[str, Any]:
        """The public key, as a JSON Web Key Set."""
        numbers = self._key.public_key().public_numbers()
        n, e = (_base64(number.to_bytes((number.bit_length() + 7) // 8)) for number in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "n": n, "e": e}]}

    def token(self) -> str:
        """A token that lives an hour."""
        self.asked += 1
        now = int(time.time())
        claims = {"sub": self._subject, "iat": now, "exp": now + 3600, "aud": "kafka", "scope": SCOPE}
        parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "one"}, claims)]
        signed = self._key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        return ".".join([*parts, _base64(signed)])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, server.keys())

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                user, _, secret = base64.b64decode(self.headers["Authorization"][6:]).decode().partition(":")
                if (unquote_plus(user), unquote_plus(secret)) != (CLIENT, SECRET):
                    self._answer(401, {"error": "invalid_client"})
                elif form != {"grant_type": ["client_credentials"], "scope": [SCOPE]}:
                    self._answer(400, {"error": "invalid_scope"})
                else:
                    self._answer(200, {"access_token": server.token(), "token_type": "Bearer", "expires_in": 3600})

            def _answer(self, status: int, content: dict[str, Any]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
