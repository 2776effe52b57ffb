"""Signing in at an OpenID provider: the authorization code flow of OpenID Connect Core 1.0 (section 3.1), with PKCE
(RFC 7636).

The keys are asked for at every sign-in, so one that the provider has changed is known at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
from itsdangerous import BadData, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from console.lane import Lane
from console.people import ROLES, BadUsers, Role, User
from console.shared import Shared
from errors import FinsentError
from settings import ConsoleSettings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures that only the holder of a private key can make: neither none, nor HMAC, for which the client's secret, or
a public key taken for one, would do."""

PATH = "/sign-in/oidc"
"""Where signing in at the provider begins; the way back leads to ``RETURN``."""

RETURN = f"{PATH}/callback"
FLOW_S = 600
"""So long may somebody take at the provider."""

TIMEOUT_S, WHOLE_TIMEOUT_S = 5.0, 15.0
"""The longest silence of the provider, and the longest time for one answer."""

MOST_BYTES = 1_000_000
AT_ONCE = 4
"""So many sign-ins may ask the provider at the same time."""

DISCOVERED_S = 60.0
"""So long counts the discovery document: the page to sign in asks for it, and anybody may open that."""

LEEWAY_S = 60
"""So far may the clocks of provider and console be apart."""

LONGEST_NAME = 200

UNUSABLE = (JoseError, ValueError, KeyError, TypeError, AttributeError)
"""What the library raises for keys and tokens that are not what they should be."""


class _Registry(JWSRegistry):
    """What may stand in a token."""

    max_header_length = 20_000  # some providers send certificates in it

    def __init__(self) -> None:
        # Providers add headers of their own. Those that must be understood ('crit') are checked all the same.
        super().__init__(algorithms=list(ALGORITHMS), strict_check_header=False)


class ProviderAway(FinsentError, RuntimeError):
    """The provider does not answer, or its answer cannot be used."""


class SignInRefused(FinsentError, RuntimeError):
    """Nobody is signed in by this: the provider says no, or what came back is not its answer to this browser."""


class NoRole(SignInRefused):
    """The provider knows the person ``name``, and no role is theirs here."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Known(NamedTuple):
    """A person as the provider knows them: their name, and the values that give them roles here."""

    name: str
    values: tuple[str, ...]


class Provider:
    """The provider that the settings ``CONSOLE_OIDC_*`` name. Safe for threads."""

    def __init__(self, settings: ConsoleSettings, secret: str) -> None:
        """``secret`` signs what a browser keeps while its owner is at the provider.

        Raises ``BadUsers`` for a role that does not exist.
        """
        self._settings = settings
        self.issuer = settings.oidc_issuer
        self.host = urlsplit(self.issuer).netloc
        self._roles: Mapping[str, list[str]] = settings.oidc_roles or {}
        for value, roles in self._roles.items():
            if unknown := set(roles) - ROLES.keys():
                raise BadUsers(
                    f"CONSOLE_OIDC_ROLES: {value}: there is no role {sorted(unknown)[0]!r}; "
                    f"there are {', '.join(ROLES)}"
                )
        self._redirect = settings.public_url.rstrip("/") + RETURN
        self._flows = URLSafeTimedSerializer(secret, salt="sign-in at the provider")
        self._lane = Lane(AT_ONCE)
        self._discovery: Shared[dict[str, Any]] = Shared(DISCOVERED_S)
        trusted = ssl.create_default_context(cafile=str(settings.oidc_ca) if settings.oidc_ca else None)
        # A redirect could lead to another server, which is not the provider that the settings name.
        self._http = httpx.Client(verify=trusted, timeout=TIMEOUT_S, follow_redirects=False)

    def user(self, name: str, values: tuple[str, ...]) -> User | None:
        """The person called ``name`` with the roles that ``values`` give; None if they give none."""
        found = {role for value in values for role in self._roles.get(value, ())}
        roles: tuple[Role, ...] = tuple(role for role in ROLES if role in found)
        return User(name, "", roles) if roles else None

    def begin(self, address: str, back_to: str) -> tuple[str, str]:
        """(address at the provider, what the browser has to keep until it comes back).

        ``address`` is the browser's, ``back_to`` the page to show then. Raises ``ProviderAway`` and ``Busy``.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._lane.turn(address):
            endpoint = self._metadata()["authorization_endpoint"]
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": self._redirect,
            "scope": self._settings.oidc_scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        flow = {"state": state, "nonce": nonce, "verifier": verifier, "next": back_to}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", str(self._flows.dumps(flow))

    def finish(self, address: str, kept: str, given: Mapping[str, str]) -> tuple[Known, str]:
        """(who has signed in, the page to show), from what the browser kept and what it brings from the provider.

        Raises ``SignInRefused``, ``NoRole``, ``ProviderAway`` and ``Busy``.
        """
        try:
            flow = self._flows.loads(kept, max_age=FLOW_S)
        except BadData as error:
            raise SignInRefused("signing in took too long, or began in another browser: try again") from error
        if not hmac.compare_digest(flow["state"].encode(), given.get("state", "").encode()):
            raise SignInRefused("this is not the answer to the latest attempt to sign in: try again")
        if "error" in given:
            said = " ".join(f"{given['error']} {given.get('error_description', '')}".split())
            raise SignInRefused(f"{self.host} refuses: {said[:300]}")
        if "code" not in given:
            raise SignInRefused(f"{self.host} sent no code")
        with self._lane.turn(address):
            metadata = self._metadata()
            # RFC 9207: that the answer is of this provider, where it says so.
            promised = metadata.get("authorization_response_iss_parameter_supported") is True
            if given.get("iss", None if promised else self.issuer) != self.issuer:
                raise SignInRefused(f"the answer is not of {self.issuer}")
            tokens = self._exchange(metadata, given["code"], flow["verifier"])
            claims = self._checked(tokens.get("id_token"), self._asked(metadata["jwks_uri"]), flow["nonce"])
            wanted = {self._settings.oidc_name_claim, self._settings.oidc_roles_claim}
            if not wanted <= claims.keys() and metadata.get("userinfo_endpoint") and tokens.get("access_token"):
                claims = {**self._userinfo(metadata, tokens, claims["sub"]), **claims}
        return self._known(claims), str(flow["next"])

    def _metadata(self) -> dict[str, Any]:
        return self._discovery.get("", self._discovered)

    def _discovered(self) -> dict[str, Any]:
        """The provider's description of itself (OpenID Connect Discovery 1.0, section 4)."""
        url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = self._asked(url)
        if found.get("issuer") != self.issuer:
            raise ProviderAway(
                f"{url} describes the issuer {found.get('issuer')!r}, and CONSOLE_OIDC_ISSUER is {self.issuer!r}: "
                "they must be the same, letter by letter"
            )
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        for name in (*needed, "userinfo_endpoint"):
            address = found.get(name)
            if address is None and name not in needed:
                continue
            # Only a provider on loopback, which has no certificate, may be asked without TLS.
            if not isinstance(address, str) or urlsplit(address).scheme not in ("https", urlsplit(self.issuer).scheme):
                raise ProviderAway(f"{url}: {name} is {address!r}, which is no address over https")
        return found

    def _asked(self, url: str, **request: Any) -> dict[str, Any]:
        """The JSON object at ``url``. Raises ``ProviderAway`` for any answer but 200, and if it is too long or slow."""
        return self._answer("GET", url, (200,), **request)[1]

    def _answer(self, method: str, url: str, statuses: tuple[int, ...], **request: Any) -> tuple[int, dict[str, Any]]:
        until, body = time.monotonic() + WHOLE_TIMEOUT_S, b""
        headers = {"Accept": "application/json", **request.pop("headers", {})}
        try:
            with self._http.stream(method, url, headers=headers, **request) as answer:
                if answer.status_code not in statuses:
                    raise ProviderAway(f"{url} answers with HTTP {answer.status_code}")
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES or time.monotonic() > until:
                        raise ProviderAway(f"{url} answers with too much, or too slowly")
                found = json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ProviderAway(f"{url} does not answer: {error or type(error).__name__}") from error
        except (ValueError, RecursionError) as error:
            raise ProviderAway(f"{url} does not answer with JSON") from error
        if not isinstance(found, dict):
            raise ProviderAway(f"{url} does not answer with a JSON object")
        return answer.status_code, found

    def _exchange(self, metadata: dict[str, Any], code: str, verifier: str) -> dict[str, Any]:
        """The tokens for a code (RFC 6749, section 4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
        }
        secret = self._settings.oidc_client_secret
        known = {"client_id": self._settings.oidc_client_id}
        auth = None
        if secret is None:
            form |= known
        # The method that a provider has if it names none (OpenID Connect Discovery, section 3).
        elif "client_secret_basic" in metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
            auth = (quote_plus(self._settings.oidc_client_id), quote_plus(secret.get_secret_value()))
        else:
            form |= known | {"client_secret": secret.get_secret_value()}
        status, found = self._answer("POST", metadata["token_endpoint"], (200, 400, 401), data=form, auth=auth)
        if status != 200:
            said = " ".join(f"{found.get('error', '')} {found.get('error_description', '')}".split())
            raise SignInRefused(f"{self.host} gives no token for the code: {said[:300] or f'HTTP {status}'}")
        return found

    def _checked(self, token: Any, keys: Any, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that is the provider's, for this console and this sign-in (Core 3.1.3.7)."""
        if not isinstance(token, str):
            raise SignInRefused(f"{self.host} sent no ID token; is 'openid' in CONSOLE_OIDC_SCOPES?")
        client = self._settings.oidc_client_id
        rules = JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": client},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = dict(jwt.decode(token, _known_keys(keys), registry=_Registry()).claims)
            rules.validate(claims)
        except BadSignatureError as error:
            raise SignInRefused("the ID token is not signed by the provider's key") from error
        except ExpiredTokenError as error:
            raise SignInRefused("the ID token has expired; are the clocks right?") from error
        except (InvalidClaimError, MissingClaimError) as error:
            raise SignInRefused(f"the ID token is not for this sign-in: {error.description or error}") from error
        except UNUSABLE as error:
            raise SignInRefused(f"the ID token cannot be trusted: {' '.join(str(error).split())[:300]}") from error
        # A list of values would satisfy the registry if one of them were right.
        if claims["nonce"] != nonce:
            raise SignInRefused("the ID token is not for this sign-in: its nonce is another one")
        if claims.get("azp", client) != client:
            raise SignInRefused("the ID token is not for this sign-in: it is for another client (azp)")
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and "azp" not in claims:
            raise SignInRefused("the ID token is for several clients, and does not say which one asked for it (azp)")
        return claims

    def _userinfo(self, metadata: dict[str, Any], tokens: dict[str, Any], subject: str) -> dict[str, Any]:
        """The claims that the provider leaves out of ID tokens (Core 5.3)."""
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        found = self._asked(metadata["userinfo_endpoint"], headers=headers)
        if found.get("sub") != subject:
            raise SignInRefused("the provider's userinfo is about somebody else")
        return found

    def _known(self, claims: dict[str, Any]) -> Known:
        name = self._claim(claims, self._settings.oidc_name_claim)
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise SignInRefused(
                f"{self.host} does not say who you are in the claim {self._settings.oidc_name_claim!r} "
                "(CONSOLE_OIDC_NAME_CLAIM, CONSOLE_OIDC_SCOPES)"
            )
        found = self._claim(claims, self._settings.oidc_roles_claim)
        several = found if isinstance(found, list) else [found]
        values = tuple(value for value in several if isinstance(value, str) and value in self._roles)
        if self.user(name, values) is None:
            raise NoRole(
                name,
                f"{self.host} knows you as {name}, and nothing there gives you a role here. Whoever runs finsent says "
                f"which values of {self._settings.oidc_roles_claim!r} give one (CONSOLE_OIDC_ROLES)",
            )
        return Known(name, values)

    def _claim(self, claims: dict[str, Any], name: str) -> Any:
        if name == "email" and "email" in claims and claims.get("email_verified") is not True:
            raise SignInRefused(
                f"{self.host} does not say that it has verified your address (email_verified), so it proves nothing; "
                "CONSOLE_OIDC_NAME_CLAIM and CONSOLE_OIDC_ROLES_CLAIM may name other claims"
            )
        return claims.get(name)


def _known_keys(found: dict[str, Any]) -> KeySet:
    """Those of a JWK Set that can be used: the others are nothing to a client that does not know them (RFC 7517,
    section 5), and must keep nobody out."""
    known = []
    for key in found["keys"]:
        with suppress(*UNUSABLE):
            known += KeySet.import_key_set({"keys": [key]}).keys
    return KeySet(known)


def own_page(address: str) -> str:
    """``address`` if it is a path of this console, else "/": a link must not lead to another site after signing in."""
    harmless = address.startswith("/") and address[1:2] not in ("/", "\\") and address.isascii()
    return address if harmless and address.isprintable() and " " not in address else "/"
