"""The file of feeds: which sources are read, how often, and as what."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from errors import ExitCode, FinsentError
from settings import FeedSettings

Paths = str | list[str] | dict[str, list[str]]
"""Where a field of an item is: a JSONPath; several, of which the first with a value counts; ``{join: [...]}``; or what
does not begin with $: that very text."""

FIELDS = ("id", "title", "body", "url", "published_at", "source", "author", "in_reply_to", "lang", "tickers")


class BadFeeds(FinsentError, ValueError):
    """The file of feeds cannot be used. The text says which feed is wrong, and how."""

    exit_code = ExitCode.CONFIG
    remedy = "docs/feeds.md describes the file"


class Key(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A secret: the environment variable ``env`` has it, and it is sent as a ``header`` or a parameter ``param``."""

    env: str
    header: str = ""
    param: str = ""
    prefix: str = ""


class Paging(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How further pages are asked for: ``param`` counts from ``start``; or it takes what ``cursor`` (a JSONPath) finds
    in the answer; or ``next`` (a JSONPath) finds the next page's address."""

    param: str = ""
    start: int = 1
    cursor: str = ""
    next: str = ""
    most: int = 5


class Since(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Asks only for what is new: ``param`` takes the newest item's time, or what ``cursor`` found, in ``template``.

    With ``first``, such as 1d, the first question is for so much of the past; else it has no ``param``.
    """

    param: str
    form: Literal["iso", "epoch", "date", "compact", "cursor"] = "iso"
    cursor: str = ""
    template: str = "{}"
    first: str = ""


class Socket(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is different where messages come over a web socket.

    A message that is an object counts as a list of that one. ``cursor`` (a JSONPath) finds how far a message is; a new
    connection asks for what is behind it with ``param``, less ``overlap``, as messages are a little out of order.
    ``send`` are messages to begin with; in these, ``$NAME`` is the secret of the key with ``env: NAME``.
    """

    cursor: str = ""
    param: str = ""
    overlap: int = 0
    send: list[dict[str, Any]] = []
    silence: str = "5m"
    """After so long without a message the connection is made anew."""

    most_bytes: int = 1_000_000
    """Of one message; a longer one is left out."""


class Mapped(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A JSON interface: its address, and where in an answer, or in a web socket's message, what is."""

    url: str
    items: str
    fields: dict[str, Paths]
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    keys: list[Key] = []
    paging: Paging | None = None
    since: Since | None = None
    socket: Socket | None = None
    topic: Literal["news", "comments"] = "news"
    source: str = ""
    error: str = ""
    empty: str = ""
    """What an answer has that says nothing is new, and leaves out the place of the items."""

    every: str = ""
    need: list[str] = []
    """What a feed must say in ``with``, as {symbol} in the address."""


class Imap(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A mailbox. The environment variable ``password_env`` has the password; without TLS only loopback is read."""

    host: str
    user: str
    password_env: str
    mailbox: str = "INBOX"
    port: int = 993
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    days: int = 7
    """So old may mails be that are there when it is read for the first time."""

    source_from: bool = False
    """The source of a mail is the domain in its From."""

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Feed(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename={"given": "with"}):
    """One source: exactly one of ``url`` (RSS, Atom, JSON Feed), ``preset``, ``json``, ``edgar``, ``gdelt``,
    ``folder`` and ``imap``."""

    name: str
    url: str = ""
    preset: str = ""
    json: Mapped | None = None
    edgar: list[str | int] | None = None
    gdelt: list[str] | None = None
    folder: str = ""
    imap: Imap | None = None
    topic: Literal["news", "comments", ""] = ""
    source: str = ""
    every: str = ""
    terms: str = ""
    watchlist: bool = False
    """Only items that name a company of the watch list."""

    params: dict[str, str] = {}
    given: dict[str, str] = {}
    address: str = ""
    """Of EDGAR or GDELT, where it is not the usual one."""

    @property
    def kind(self) -> str:
        return next(one for one in KINDS if getattr(self, one) not in ("", None))


KINDS = ("url", "preset", "json", "edgar", "gdelt", "folder", "imap")


class Plan(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``contact`` is an e-mail address or a page of those who run this: sources want to know whom to tell.
    FEEDS_CONTACT may say it instead."""

    contact: str = ""
    feeds: list[Feed]
    every: str = "5m"
    allow_private: bool = False
    most_bytes: int = 20_000_000
    timeout_s: float = 30
    host_pause_s: float = 1


def load_plan(path: Path) -> Plan:
    """The feeds in the YAML file ``path``. Raises ``BadFeeds``."""
    try:
        plan = msgspec.yaml.decode(path.read_bytes(), type=Plan)
        plan = msgspec.structs.replace(plan, contact=FeedSettings().contact or plan.contact)
    except OSError as error:
        raise BadFeeds(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadFeeds(f"{path}: {error}") from error
    try:
        check(plan)
    except BadFeeds as error:
        raise BadFeeds(f"{path}: {error}") from error
    return plan


def check(plan: Plan) -> None:
    """Raises ``BadFeeds`` for what no type can tell."""
    if not re.search(r"@|https?://", plan.contact) or plan.contact.endswith("@example.com"):
        raise BadFeeds(
            "contact: an e-mail address or a page of yours is needed, here or in FEEDS_CONTACT, so that a source can "
            "tell somebody; some refuse those without"
        )
    if not plan.feeds:
        raise BadFeeds("feeds: there are none")
    names: set[str] = set()
    for feed in plan.feeds:
        if not re.fullmatch(r"[\w.-]{1,60}", feed.name):
            raise BadFeeds(f"feed {feed.name!r}: a name has letters, digits, points and hyphens")
        if feed.name in names:
            raise BadFeeds(f"feed {feed.name}: two feeds have this name")
        names.add(feed.name)
        kinds = [one for one in KINDS if getattr(feed, one) not in ("", None)]
        if len(kinds) != 1:
            raise BadFeeds(
                f"feed {feed.name}: exactly one of {', '.join(KINDS)} is needed, and there is {kinds or 'none'}"
            )
        seconds(feed.every or plan.every, f"feed {feed.name}: every")
        _check_address(feed, feed.url or feed.address or "https://")
        if feed.imap and not re.fullmatch(r"[!#$&'+-\[\]-z|~]+", feed.imap.user):
            raise BadFeeds(f"feed {feed.name}: imap.user {feed.imap.user!r} has characters that IMAP does not take")
        if feed.imap and not feed.imap.mailbox.isprintable():
            raise BadFeeds(
                f"feed {feed.name}: imap.mailbox {feed.imap.mailbox!r} has characters that cannot be printed"
            )
        if mapped := mapping_of(feed):
            _check_mapping(feed, mapped)


def _check_address(feed: Feed, address: str, schemes: tuple[str, ...] = ("https://", "http://")) -> None:
    if not address.startswith(schemes):
        raise BadFeeds(f"feed {feed.name}: {address!r} does not begin with {' or '.join(schemes)}")


def _check_mapping(feed: Feed, mapped: Mapped) -> None:
    import jsonpath

    if unknown := set(mapped.fields) - set(FIELDS):
        raise BadFeeds(f"feed {feed.name}: fields has {sorted(unknown)}; there are {', '.join(FIELDS)}")
    if not {"title", "body"} & mapped.fields.keys():
        raise BadFeeds(f"feed {feed.name}: fields needs title or body")
    if missing := [name for name in mapped.need if not feed.given.get(name)]:
        raise BadFeeds(f"feed {feed.name}: with needs {', '.join(missing)}")
    try:
        schemes = ("wss://", "ws://") if mapped.socket else ("https://", "http://")
        _check_address(feed, mapped.url.format_map(feed.given), schemes)
    except (KeyError, IndexError, ValueError) as error:
        raise BadFeeds(
            f"feed {feed.name}: the address {mapped.url!r} has {{{error}}}, and 'with' does not say it"
        ) from error
    if mapped.socket:
        seconds(mapped.socket.silence, f"feed {feed.name}: socket.silence")
        if mapped.paging or mapped.since:
            raise BadFeeds(f"feed {feed.name}: paging and since are not for web sockets; socket.cursor goes on")
    if mapped.since and mapped.since.first:
        seconds(mapped.since.first, f"feed {feed.name}: since.first")
    paging, since = mapped.paging or Paging(), mapped.since or Since("")
    paths = [
        mapped.items,
        mapped.error,
        mapped.empty,
        mapped.socket.cursor if mapped.socket else "",
        paging.cursor,
        paging.next,
        since.cursor,
        *(path for value in mapped.fields.values() for path in alternatives(value)),
    ]
    for path in filter(lambda one: one.startswith("$"), paths):
        try:
            jsonpath.compile(path)
        except jsonpath.JSONPathError as error:
            raise BadFeeds(f"feed {feed.name}: {path!r} is no JSONPath: {error}") from error


def missing_keys(feed: Feed, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The environment variables that ``feed`` needs and that are not set."""
    mapped = mapping_of(feed)
    names = [feed.imap.password_env] if feed.imap else [key.env for key in mapped.keys] if mapped else []
    return [name for name in names if not environment.get(name)]


def alternatives(value: Paths) -> list[str]:
    """All paths in ``value``."""
    if isinstance(value, dict):
        return value.get("join", [])
    return value if isinstance(value, list) else [value]


def mapping_of(feed: Feed) -> Mapped | None:
    """The mapping of a JSON interface, its own or that of its preset; None for other kinds. Raises ``BadFeeds``."""
    if feed.json is not None:
        return feed.json
    if not feed.preset:
        return None
    if feed.preset not in presets():
        raise BadFeeds(f"feed {feed.name}: there is no preset {feed.preset!r}; there are {', '.join(presets())}")
    return presets()[feed.preset]


@cache
def presets() -> dict[str, Mapped]:
    """The mappings that come with finsent, by name."""
    return msgspec.yaml.decode((resources.files("feeds") / "presets.yaml").read_bytes(), type=dict[str, Mapped])


def seconds(text: str, where: str = "every") -> float:
    """``90s``, ``5m``, ``1h`` or ``1d``. Raises ``BadFeeds``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|d)", text.strip())
    if not match or not float(match[1]):
        raise BadFeeds(f"{where}: {text!r} is no time; one is 90s, 5m or 1h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
