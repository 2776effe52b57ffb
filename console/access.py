"""Who sends a request, and whether they may: sessions, roles, the tokens of pages, and rate limits."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from fastapi import HTTPException, Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from console.lane import Lane
from console.oidc import Known, Provider
from console.people import ROLES, People, Role, User
from settings import ConsoleSettings
from storage.reads import SignInAttempt

DEVICE = "finsent-device"
"""The cookie that marks a browser in which somebody has signed in. Its attempts are counted apart, so that whoever
guesses that person's password elsewhere does not use them up ("device cookies" of OWASP's page on slowing down online
guessing)."""

DEVICE_S = 180 * 86_400
CHECKS_AT_ONCE = 1
"""Passwords that are checked at the same time, of known browsers and of others, each: one check fills a core and 64 MiB
for a twentieth of a second."""


Attempts = Callable[[str, datetime], Sequence[SignInAttempt]]
"""The attempts to sign in with a name since a moment, at all consoles, the oldest first."""


def no_attempts(name: str, since: datetime) -> Sequence[SignInAttempt]:
    """Of other consoles nothing is known."""
    return ()


class TooMany(HTTPException):
    """Too many requests; the header ``Retry-After`` says when to try again."""

    def __init__(self, seconds: float) -> None:
        wait = max(1, round(seconds))
        super().__init__(429, f"too many requests; try again in {wait} s", {"Retry-After": str(wait)})


class Access:
    """Sessions, roles and limits. Without a file of users and a provider, everybody is taken for the owner, who has all
    roles."""

    def __init__(self, settings: ConsoleSettings) -> None:
        """Raises ``BadUsers`` and ``OSError`` if the file of users cannot be read, or a role does not exist."""
        self.people = People(settings.users) if settings.users else None
        self.secret = settings.secret.get_secret_value() if settings.secret else secrets.token_hex(32)
        self.provider = Provider(settings, self.secret) if settings.oidc_issuer else None
        self.signs_in = self.people is not None or self.provider is not None
        self.secure = settings.secure
        self.seconds = int(settings.session_hours * 3600)
        self._ended: dict[str, float] = {}
        """When a user last signed out: sessions from before are over. ``learn`` adds what other consoles noted, and
        this one before it was started anew."""
        self._owner = User(_local_user(), "", tuple(ROLES))
        # Its windows are forgotten when they end; those of the moving window would stay, one for each name ever tried.
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._requests, self._sign_ins = parse(settings.requests), parse(settings.sign_ins)
        self._of_name = parse(settings.sign_ins_of_name)
        self._sign_in_limits = (self._sign_ins, self._of_name)
        self._devices = URLSafeTimedSerializer(self.secret, salt="a browser where somebody has signed in")
        self._known_browsers, self._strangers = Lane(CHECKS_AT_ONCE), Lane(CHECKS_AT_ONCE)

    def user(self, request: Request) -> User | None:
        """Who is signed in; None for nobody.

        A session ends when its time is over, when its user is removed, gets another password, or signs out anywhere.
        What a provider says of a person counts for the whole session.
        """
        if not self.signs_in:
            return self._owner
        session = request.session
        name, began = session.get("name", ""), session.get("at", 0)
        if time.time() - began > self.seconds or began <= self._ended.get(name, 0):
            return None
        if "issuer" in session:
            if self.provider is None or session["issuer"] != self.provider.issuer or self.has_password(name):
                return None
            return self.provider.user(name, tuple(session["values"]))
        user = self.people.get(name) if self.people else None
        if user is None or not hmac.compare_digest(session.get("password", ""), self._mark(user)):
            return None
        return user

    def sign_in(self, request: Request, name: str, password: str, attempts: Attempts = no_attempts) -> User | None:
        """Begin a session if the password is right. Raises ``TooMany`` and ``Busy``.

        Nobody can use up the attempts of others: those with a name count for an address, those from everywhere for a
        name, and a browser in which that person has signed in before has attempts of its own. ``attempts`` tells those
        at all consoles.
        """
        assert self.people is not None
        where, browser = network(address(request)), self.known_browser(request, name)
        if browser:
            self._count(self._sign_ins, browser)
        else:
            self._count(self._sign_ins, f"address {where} name {name}")
            self._count(self._of_name, f"name {name}")
        lane = self._known_browsers if browser else self._strangers
        with lane.turn(where):
            now = datetime.now(UTC)
            alike = [
                one for one in attempts(name, now - max(map(_window, self._sign_in_limits))) if one.detail == browser
            ]
            from_here = [one for one in alike if browser or network(one.address) == where]
            _check(self._sign_ins, from_here, now)
            if not browser:
                _check(self._of_name, alike, now)
            user = self.people.sign_in(name, password)
        request.session.clear()
        if user is not None:
            self._begin(request, user.name, password=self._mark(user))
        return user

    def known_browser(self, request: Request, name: str) -> str:
        """What the log of actions calls the browser of the request, if ``name`` has signed in there before; else ''."""
        device = self._device(request)
        return f"known browser {device['id'][:12]}" if device and device["name"] == name else ""

    def remember(self, answer: Response, user: User) -> None:
        """Let the browser keep that ``user`` has signed in there. Another password ends that."""
        kept = {"name": user.name, "id": secrets.token_hex(16), "password": self._mark(user)}
        answer.set_cookie(
            DEVICE, str(self._devices.dumps(kept)), DEVICE_S, secure=self.secure, httponly=True, samesite="strict"
        )

    def _device(self, request: Request) -> dict[str, str] | None:
        """What the browser keeps; None if nothing, or if it does not hold any more."""
        try:
            kept: dict[str, str] = self._devices.loads(request.cookies.get(DEVICE, ""), max_age=DEVICE_S)
        except BadData:
            return None
        user = self.people.get(kept["name"]) if self.people else None
        return kept if user and hmac.compare_digest(kept["password"], self._mark(user)) else None

    def sign_in_by_provider(self, request: Request, known: Known) -> None:
        """Begin a session of a person who has signed in at the provider."""
        assert self.provider is not None
        self._begin(request, known.name, issuer=self.provider.issuer, values=known.values)

    def has_password(self, name: str) -> bool:
        """Whether ``name`` is in the file of users: somebody else of that name at the provider must not be taken for
        them."""
        return self.people is not None and self.people.get(name) is not None

    @staticmethod
    def _begin(request: Request, name: str, **proof: object) -> None:
        # With a new id, a session that somebody else planted in the browser is worthless to them.
        request.session.clear()
        request.session.update(name=name, at=time.time(), id=secrets.token_hex(16), **proof)

    def sign_out(self, request: Request, user: User) -> None:
        """End all sessions of ``user``: a copy of the cookie is worth nothing from now on."""
        self._ended[user.name] = time.time()
        request.session.clear()

    def learn(self, ended: Mapping[str, datetime]) -> None:
        """End the sessions of each user from before the moment that ``ended`` gives."""
        for name, moment in ended.items():
            self._ended[name] = max(self._ended.get(name, 0.0), moment.timestamp())

    def _mark(self, user: User) -> str:
        """What a session holds in place of the password. It changes with the password, and does not reveal it."""
        return hmac.new(self.secret.encode(), b"password " + user.password.encode(), hashlib.sha256).hexdigest()

    def token(self, request: Request) -> str:
        """The token that a page sends with each change. Another site can neither read nor guess it."""
        session = str(request.session.setdefault("id", secrets.token_hex(16))) if self.signs_in else ""
        return hmac.new(self.secret.encode(), session.encode(), hashlib.sha256).hexdigest()

    def is_page(self, request: Request) -> bool:
        """Whether the request has the token of this session's pages."""
        given = request.headers.get("x-csrf-token", "")
        return hmac.compare_digest(given.encode(), self.token(request).encode())

    def count(self, request: Request) -> None:
        """Count the request. Raises ``TooMany``."""
        if self.signs_in and (user := self.user(request)):
            key = f"person {user.name}"
        elif device := self._device(request):
            key = f"device {device['id']}"
        else:
            key = f"address {network(address(request))}"
        self._count(self._requests, key)

    def _count(self, limit: RateLimitItem, key: str) -> None:
        if not self._limiter.hit(limit, key):
            raise TooMany(self._limiter.get_window_stats(limit, key).reset_time - time.time())

    def allow(self, *roles: Role) -> Callable[[Request], User]:
        """A dependency for FastAPI: the user, who must have one of ``roles``. Without roles, any user will do."""

        def dependency(request: Request) -> User:
            user = self.user(request)
            if user is None:
                raise HTTPException(401, "sign in first")
            if roles and not user.may(*roles):
                raise HTTPException(
                    403, f"this takes the role {' or '.join(roles)}; {user.name} has {', '.join(user.roles)}"
                )
            return user

        return dependency


def _window(limit: RateLimitItem) -> timedelta:
    return timedelta(seconds=limit.get_expiry())


def _check(limit: RateLimitItem, attempts: Sequence[SignInAttempt], now: datetime) -> None:
    """Raises ``TooMany`` if as many ``attempts``, the oldest first, are within the limit's time as it allows."""
    within = [one.at for one in attempts if one.at > now - _window(limit)]
    if len(within) >= limit.amount:
        raise TooMany((within[-limit.amount] + _window(limit) - now).total_seconds())


def address(request: Request) -> str:
    """The address from which a request came."""
    return request.client.host if request.client else ""


def network(host: str) -> str:
    """What limits take for one address: a machine has all 2**64 addresses of an IPv6 network (RFC 6177)."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else host


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "local"
