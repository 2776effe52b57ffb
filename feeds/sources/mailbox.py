"""Mails in a mailbox that is read over IMAP (RFC 3501), without changing anything in it."""

from __future__ import annotations

import email
import hashlib
import imaplib
import os
import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage, MIMEPart
from email.policy import default
from email.utils import parseaddr, parsedate_to_datetime
from ipaddress import ip_address
from typing import Any

from charset_normalizer import from_bytes

from documents import normalise
from feeds.fetching import Fetcher, FetchError
from feeds.item import Item
from feeds.plan import Imap
from feeds.sources.contract import BadAnswer, Polled

MOST_MAILS = 50
"""Of one poll; what is beyond is read by the next one, at once."""

MOST_BYTES = 1_000_000
"""Of one mail. Texts come before attachments, so that what is cut off is seldom text."""

LONGEST_POLL_S = 300.0
_INTERNAL_DATE = re.compile(rb'INTERNALDATE "([^"]+)"')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Mailbox:
    """One mailbox. The cursor is UIDVALIDITY and the last UID. A mail is known by its Message-ID: a mailbox that was
    made anew, with other UIDs, sends nothing twice.
    """

    def __init__(self, imap: Imap, fetcher: Fetcher, environment: Mapping[str, str] = os.environ) -> None:
        self._imap, self._fetcher = imap, fetcher
        self._password = environment.get(imap.password_env, "")
        self._url = f"imap{'s' if imap.tls == 'implicit' else ''}://{imap.address}"

    def poll(self, remembered: dict[str, Any]) -> Polled:
        """See ``Source``."""
        with self._fetcher.turn(self._imap.address), self._told():
            connection = _Connection(self._imap, self._url, self._fetcher)
            try:
                self._sign_in(connection)
                found = self._new_mails(connection, remembered)
                if not connection.too_long:
                    with suppress(imaplib.IMAP4.error, OSError):
                        connection.logout()
                return found
            finally:
                connection.shutdown()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except ssl.SSLError as error:
            raise FetchError(f"{self._url} cannot be reached: {error}", unreachable=True) from error
        except TimeoutError as error:
            raise FetchError(f"{self._url} did not answer in time (timeout_s)") from error
        except (imaplib.IMAP4.error, OSError, EOFError) as error:
            raise FetchError(f"{self._url} broke off: {_words(error)}") from error

    def _sign_in(self, connection: _Connection) -> None:
        if self._imap.tls == "starttls":
            connection.starttls(ssl.create_default_context())
        try:
            if "AUTH=PLAIN" in connection.capabilities:
                credentials = f"\0{self._imap.user}\0{self._password}".encode()
                connection.authenticate("PLAIN", lambda _: credentials)
            else:
                connection.login(self._imap.user, self._password)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, UnicodeEncodeError) as error:
            raise FetchError(
                f"{self._url}: the user {self._imap.user!r} with the password in {self._imap.password_env} is refused"
            ) from error

    def _new_mails(self, connection: _Connection, remembered: Mapping[str, Any]) -> Polled:
        status, said = connection.select(f'"{_mailbox_name(self._imap.mailbox)}"', readonly=True)
        if status != "OK":
            raise BadAnswer(f"{self._url}: the mailbox {self._imap.mailbox!r} cannot be read: {_words(said[-1])}")
        validity = int((connection.response("UIDVALIDITY")[1] or [None])[0] or 0)
        today = datetime.now(UTC).date()
        last, since = int(remembered.get("uid", 0)), date.fromisoformat(remembered.get("day", today.isoformat()))
        found, top, first_day = Polled(), 0, None
        if not remembered:
            first_day = today - timedelta(days=self._imap.days)
        elif validity != remembered.get("uidvalidity"):
            # The UIDs of before mean nothing now. Mails since the day before the last poll are read again, and those
            # that were sent are known by their keys.
            found.faults.append("the mailbox was made anew (UIDVALIDITY has changed)")
            first_day = since - timedelta(days=1)
        if first_day is None:
            uids = [uid for uid in self._search(connection, f"UID {last + 1}:*") if uid > last]  # n:* has the last one
        else:
            last, top = 0, max(self._search(connection, "UID *"), default=0)
            uids = self._search(connection, f"SINCE {_day(first_day)}")
        for uid in uids[:MOST_MAILS]:
            try:
                self._read(connection, uid, found)
            except imaplib.IMAP4.abort:
                if not connection.too_long:
                    raise
                found.faults.append(f"the mail with the UID {uid} is left out: it is sent whole, and is too long")
            last = uid
            if connection.too_long:  # the rest of that mail would come in place of the next answer
                break
        found.more = bool(uids) and last < uids[-1]
        last = last if found.more else max(last, top)
        # The day stays until all was read: if the mailbox is made anew before that, reading begins there.
        day = since if found.more else today
        found.remember = {"uidvalidity": validity, "uid": last, "day": day.isoformat()}
        return found

    def _search(self, connection: _Connection, criterion: str) -> list[int]:
        status, answer = connection.uid("SEARCH", criterion)
        try:
            if status == "OK":
                return sorted({int(one) for one in b" ".join(filter(None, answer)).split()})
        except ValueError:
            pass
        raise BadAnswer(f"{self._url}: no search for {criterion}: {_words(answer[-1])}")

    def _read(self, connection: _Connection, uid: int, found: Polled) -> None:
        status, parts = connection.uid("FETCH", str(uid), f"(UID INTERNALDATE BODY.PEEK[]<0.{MOST_BYTES}>)")
        if status != "OK":
            raise BadAnswer(f"{self._url}: the mail with the UID {uid} cannot be read: {_words(parts[-1])}")
        mine = [one for one in parts if isinstance(one, tuple)]
        if not mine:
            return  # deleted meanwhile
        about = b" ".join(part for one in parts for part in (one[:1] if isinstance(one, tuple) else [one or b""]))
        try:
            item = item_of(mine[0][1], self._imap.source_from)
        except Exception as error:  # its parser raises all sorts, and one mail must not keep back others
            found.faults.append(f"the mail with the UID {uid} cannot be read: {type(error).__name__}")
            return
        if not (item.title or item.body):
            found.faults.append(f"the mail with the UID {uid} has no text")
            return
        arrived = _INTERNAL_DATE.search(about)
        if item.published_at is None and arrived:
            item = _dated(item, arrived[1].decode("ascii", "replace"))
        found.items.append(item)


class _Connection(imaplib.IMAP4):
    """To the address that was judged; encrypted, unless it is this machine's own. A literal has a limit."""

    def __init__(self, imap: Imap, url: str, fetcher: Fetcher) -> None:
        self._of, self._url, self._fetcher = imap, url, fetcher
        self.too_long = False
        self._watch = threading.Timer(LONGEST_POLL_S, self._cut)
        self._watch.daemon = True
        super().__init__(imap.host, imap.port, fetcher.timeout_s)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        dialled = self._fetcher.dial(self._url, self._of.port)
        self._watch.start()
        try:
            dialled.settimeout(timeout)
            if self._of.tls == "none" and not ip_address(dialled.getpeername()[0]).is_loopback:
                raise FetchError(f"{self._url}: without TLS only this machine itself is connected to (imap.tls)")
            if self._of.tls == "implicit":
                return ssl.create_default_context().wrap_socket(dialled, server_hostname=self._of.host)
        except BaseException:
            self._watch.cancel()
            dialled.close()
            raise
        return dialled

    def read(self, size: int) -> bytes:
        """Of a literal. Raises ``abort`` for one that is longer than what was asked for."""
        if size > MOST_BYTES:
            self.too_long = True
            raise self.abort(f"a literal of {size} bytes, and at most {MOST_BYTES} were asked for")
        return super().read(size)

    def shutdown(self) -> None:
        """Hang up. May be called again."""
        self._watch.cancel()
        with suppress(OSError):
            super().shutdown()

    def _cut(self) -> None:
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


def item_of(raw: bytes, source_from: bool) -> Item:
    """A mail. Its key is a hash of its Message-ID, as that often has the address of whoever wrote it."""
    message = email.message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    title, body = " ".join(_header(message, "Subject").split()), _text(message)
    sender = parseaddr(_header(message, "From"))[1].lower()
    key = _header(message, "Message-ID") or "\n".join((_header(message, "Date"), sender, title, body))
    answered = _header(message, "In-Reply-To")
    return Item(
        key=_hash(key),
        title=title,
        body=body,
        published_at=_date(_header(message, "Date")),
        source=sender.rpartition("@")[2] if source_from else "",
        author=sender,
        in_reply_to=_hash(answered) if answered else "",
    )


def _header(message: EmailMessage, name: str) -> str:
    return str(message.get(name, "")).strip()


def _text(message: EmailMessage) -> str:
    plain, rich = (message.get_body((kind,)) for kind in ("plain", "html"))
    text = _decoded(plain).strip() if plain else ""
    if text or rich is None:
        return text
    return normalise(_decoded(rich))


def _decoded(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):  # the mail names none, or a wrong one
        best = from_bytes(payload).best()
        return str(best) if best else payload.decode("utf-8", "replace")


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _dated(item: Item, arrived: str) -> Item:
    try:
        return replace(item, published_at=datetime.strptime(arrived.strip(), "%d-%b-%Y %H:%M:%S %z"))
    except ValueError:
        return item


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _day(day: date) -> str:
    """As IMAP has it, whatever the locale is."""
    return f"{day.day:02}-{_MONTHS[day.month - 1]}-{day.year}"


def _words(said: object) -> str:
    """What a server said, for people."""
    if isinstance(said, BaseException) and said.args:
        said = said.args[-1]
    return said.decode("utf-8", "replace")[:200] if isinstance(said, bytes) else str(said)[:200]


def _mailbox_name(name: str) -> str:
    """Modified UTF-7 (RFC 3501, 5.1.3), for a quoted string."""

    def packed(match: re.Match[str]) -> str:
        if match[0] == "&":
            return "&-"
        return "&" + b64encode(match[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"

    return re.sub(r"&|[^\x20-\x7e]+", packed, name).replace("\\", "\\\\").replace('"', '\\"')
