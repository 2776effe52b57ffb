"""Tokens for OAUTHBEARER: got with client credentials (RFC 6749, section 4.4), and used for most of their life."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from functools import lru_cache
from typing import Any

from kafka.net.sasl.oauth import AbstractTokenProvider

from settings import KafkaSettings, secret_of
from stream.kafka.refusals import NoToken

TIMEOUT_S = 10.0
USED_SHARE = 0.8
"""The share of a token's life after which the next one is got."""

DEFAULT_LIFE_S = 300.0
"""For a server that does not say how long a token lives."""


class TokenSource:
    """The tokens of one client of the token server, for any thread."""

    def __init__(self, url: str, client_id: str, secret: str, scope: str, ca: str | None) -> None:
        self._url, self._ca = url, ca
        # Both are encoded as in a form before they are put together (RFC 6749, section 2.3.1).
        pair = f"{urllib.parse.quote_plus(client_id)}:{urllib.parse.quote_plus(secret)}"
        self._authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
        form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        self._form = urllib.parse.urlencode(form).encode()
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def token(self) -> str:
        """A token that is valid for a while. Raises ``NoToken``."""
        with self._lock:
            if time.monotonic() >= self._until:
                asked = time.monotonic()
                answer = self._ask()
                self._token = answer["access_token"]
                self._until = asked + USED_SHARE * float(answer.get("expires_in") or DEFAULT_LIFE_S)
            return self._token

    def _ask(self) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url, self._form, {"Authorization": self._authorization, "Accept": "application/json"}
        )
        try:
            context = ssl.create_default_context(cafile=self._ca) if self._url.startswith("https:") else None
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as response:
                answer = json.load(response)
            if not (isinstance(answer, dict) and isinstance(answer.get("access_token"), str)):
                raise NoToken(f"{self._url} answered without an access_token")
        except urllib.error.HTTPError as error:
            said = error.read(300).decode("utf-8", "replace")
            raise NoToken(f"{self._url} refused to give a token: HTTP {error.code} {said}".strip()) from error
        except (OSError, ValueError) as error:
            raise NoToken(f"{self._url} gave no token: {getattr(error, 'reason', error)}") from error
        return answer


@lru_cache(maxsize=8)
def _shared(url: str, client_id: str, secret: str, scope: str, ca: str | None) -> TokenSource:
    return TokenSource(url, client_id, secret, scope, ca)


def token_source(kafka: KafkaSettings) -> TokenSource:
    """The source for ``kafka``: one for all clients of the process, so that they share tokens."""
    secret = secret_of(kafka.oauth_client_secret, kafka.oauth_client_secret_file)
    ca = str(kafka.oauth_ca) if kafka.oauth_ca else None
    return _shared(kafka.oauth_token_url, kafka.oauth_client_id, secret, kafka.oauth_scope, ca)


class Provider(AbstractTokenProvider):
    """What kafka-python asks for a token whenever it connects."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def token(self) -> str:
        """A valid token. Raises ``NoToken``."""
        return self._source.token()


def async_provider(source: TokenSource) -> Any:
    """What aiokafka asks for a token whenever it connects."""
    from aiokafka.abc import AbstractTokenProvider as AsyncTokenProvider

    class AsyncProvider(AsyncTokenProvider):
        async def token(self) -> str:
            return await asyncio.to_thread(source.token)

    return AsyncProvider()
