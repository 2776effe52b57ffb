"""An OpenID provider of the tests' own, that can be told to answer with whatever a thief would.

``certified_provider`` is one that answers well.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "finsent:console", "s3cret+%/"
"""With characters that the request has to encode."""

Claims = dict[str, Any]


class OpenIdProvider:
    """Serves the endpoints of a provider but the page where people sign in: ``approve`` stands for that."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        self.person: Claims = {"sub": "17", "email": "ana@bank.example", "email_verified": True, "groups": ["risk"]}
        self.userinfo: Claims = {}
        self.token: Callable[[Claims], str] = self.signed
        """Makes the ID token of its claims."""

        self.metadata: dict[str, Any] = {}
        """In place of what the discovery document says else."""

        self.redirects_to = ""
        """Where the discovery document is said to be; "": here."""

        self.other_keys: list[Any] = []
        """Beside its own."""

        self._codes: dict[str, dict[str, str]] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def signed(self, claims: Claims) -> str:
        """An ID token as it should be."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def approve(self, url: str) -> dict[str, str]:
        """What the provider sends back when a person has signed in at ``url``, the address it was asked at."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}
        assert url.startswith(f"{self.issuer}/authorize?") and asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT and "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = f"code {len(self._codes)}"
        self._codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def _tokens(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        if [unquote_plus(one) for one in given] != [CLIENT, SECRET]:
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form["code"], {})
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (challenge, form["redirect_uri"]) != (asked.get("code_challenge"), asked.get("redirect_uri")):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
        }
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self.token(claims)}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                at = provider.issuer
                if self.path == "/.well-known/openid-configuration" and provider.redirects_to:
                    self._answer(302, {}, Location=provider.redirects_to)
                elif self.path == "/.well-known/openid-configuration":
                    own = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys",
                           "userinfo_endpoint": "userinfo"}  # fmt: skip
                    endpoints = {name: f"{at}/{path}" for name, path in own.items()}
                    self._answer(200, {"issuer": at, **endpoints, **provider.metadata})
                elif self.path == "/keys":
                    own_keys = KeySet([provider.key]).as_dict(private=False)["keys"]
                    self._answer(200, {"keys": [*provider.other_keys, *own_keys]})
                elif self.path == "/userinfo" and self.headers["Authorization"] == "Bearer opaque":
                    self._answer(200, provider.userinfo)
                else:
                    self._answer(404, {})

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                given = {name: values[0] for name, values in form.items()}
                self._answer(*provider._tokens(given, self.headers.get("Authorization", "")))

            def _answer(self, status: int, content: Claims, **headers: str) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
