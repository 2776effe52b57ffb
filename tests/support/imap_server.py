"""A mail server on loopback: Twisted's IMAP4 server over mailboxes in memory, and the failures that real ones have."""

from __future__ import annotations

import io
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes
from functools import cache
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.mail import imap4
from zope.interface import implementer

USER, PASSWORD = "reader", "s3 cret"


@dataclass
@implementer(imap4.IMessage, imap4.IMessageFile)
class Mail:
    """One mail as it is kept."""

    raw: bytes
    uid: int
    arrived: datetime = field(default_factory=lambda: datetime.now(UTC))
    flags: set[str] = field(default_factory=set)

    def getUID(self) -> int:
        return self.uid

    def getFlags(self) -> list[str]:
        return sorted(self.flags)

    def getInternalDate(self) -> bytes:
        return self.arrived.strftime("%d-%b-%Y %H:%M:%S +0000").encode()

    def getHeaders(self, negate: bool, *names: str) -> dict[str, str]:
        return {name.lower(): str(value) for name, value in message_from_bytes(self.raw).items()}

    def getBodyFile(self) -> io.BytesIO:
        return io.BytesIO(self.raw.partition(b"\n\n")[2])

    def getSize(self) -> int:
        return len(self.raw)

    def isMultipart(self) -> bool:
        return False

    def getSubPart(self, part: int) -> None:
        raise IndexError(part)

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.raw)


@implementer(imap4.IMailbox, imap4.ISearchableMailbox)
class Mails:
    """A mailbox. ``changed`` are the flags that somebody asked to change; ``writeable`` is how it was opened."""

    def __init__(self) -> None:
        self.validity = 1
        self.mails: list[Mail] = []
        self.next_uid = 1
        self.changed: list[Any] = []
        self.fetched: list[int] = []

    def put(self, raw: bytes, arrived: datetime | None = None) -> Mail:
        """A mail that arrives."""
        mail = Mail(raw, self.next_uid, arrived or datetime.now(UTC))
        self.next_uid += 1
        self.mails.append(mail)
        return mail

    def getUIDValidity(self) -> int:
        return self.validity

    def getUIDNext(self) -> int:
        return self.next_uid

    def getUID(self, message: int) -> int:
        return self.mails[message - 1].uid

    def getMessageCount(self) -> int:
        return len(self.mails)

    def getRecentCount(self) -> int:
        return 0

    def getUnseenCount(self) -> int:
        return len(self.mails)

    def isWriteable(self) -> bool:
        return True

    def getHierarchicalDelimiter(self) -> str:
        return "/"

    def getFlags(self) -> list[str]:
        return ["\\Seen", "\\Deleted"]

    def addListener(self, listener: Any) -> None:
        pass

    def removeListener(self, listener: Any) -> None:
        pass

    def requestStatus(self, names: Any) -> Any:
        return imap4.statusRequestHelper(self, names)

    def store(self, messages: Any, flags: Any, mode: int, uid: bool) -> dict[int, Any]:
        self.changed.append((list(flags), mode))
        return {}

    def search(self, query: list[bytes], uid: bool) -> list[int]:
        """SINCE and UID, as RFC 3501 has them: Twisted's own SINCE fails on Python 3."""
        assert uid and len(query) == 2
        words = [one.decode() for one in query]
        if words[0] == "SINCE":
            since = datetime.strptime(words[1], "%d-%b-%Y").date()
            return [one.uid for one in self.mails if one.arrived.date() >= since]
        assert words[0] == "UID"
        last = max((one.uid for one in self.mails), default=0)
        ends = [last if end == "*" else int(end) for end in words[1].split(":")]
        return [one.uid for one in self.mails if min(ends) <= one.uid <= max(ends)]

    def fetch(self, messages: Any, uid: bool) -> list[tuple[int, Mail]]:
        messages.last = self.mails[-1].uid if uid and self.mails else len(self.mails)
        found = [(n, one) for n, one in enumerate(self.mails, 1) if (one.uid if uid else n) in messages]
        self.fetched += [one.uid for _, one in found]
        return found


class _Account(imap4.MemoryAccount):
    def _emptyMailbox(self, name: str, id: int) -> Mails:
        return Mails()


class MailServer:
    """``inbox`` may be filled; ``opened`` says how mailboxes were opened (EXAMINE or SELECT).
    Without ``partial``, mails are sent whole, whatever was asked for."""

    def __init__(self) -> None:
        self.port = 0
        self.partial = True
        self.opened: list[str] = []
        self.account = _Account(USER)
        self.inbox = Mails()
        self.account.addMailbox("INBOX", self.inbox)


class _Protocol(imap4.IMAP4Server):
    server: MailServer

    def lineReceived(self, line: bytes) -> None:
        self.server.opened += [word for word in ("EXAMINE", "SELECT") if f" {word} ".encode() in line]
        super().lineReceived(line)

    def spew_body(self, part: Any, id: int, msg: Mail, _w: Any = None, _f: Any = None) -> Any:
        """With the part of a mail that was asked for: Twisted would send all of it."""
        if part.partialBegin is not None and self.server.partial:
            msg = replace(msg, raw=msg.raw[part.partialBegin :][: part.partialLength])
        return super().spew_body(part, id, msg, _w, _f)


@cache
def _running() -> Any:
    """Twisted's loop, which can be started once in a process."""
    threading.Thread(target=lambda: reactor.run(installSignalHandlers=False), daemon=True).start()  # type: ignore[attr-defined]
    return reactor


def _in_loop(work: Callable[[], Any]) -> Any:
    from twisted.internet.threads import blockingCallFromThread

    return blockingCallFromThread(_running(), work)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server that is running, without TLS."""
    made = MailServer()

    class Realm:
        def requestAvatar(self, avatar: Any, mind: Any, *interfaces: Any) -> Any:
            return imap4.IAccount, made.account, lambda: None

    users = InMemoryUsernamePasswordDatabaseDontUse()
    users.addUser(USER.encode(), PASSWORD.encode())

    class Made(Factory):
        def buildProtocol(self, address: Any) -> _Protocol:
            protocol = _Protocol()
            protocol.portal, protocol.server = Portal(Realm(), [users]), made
            return protocol

    listening = _in_loop(lambda: _running().listenTCP(0, Made(), interface="127.0.0.1"))
    made.port = listening.getHost().port
    try:
        yield made
    finally:
        _in_loop(listening.stopListening)


@contextmanager
def listener(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that does ``handle`` with each connection."""

    def connected(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            handle(peer)

    def accept() -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=connected, args=(peer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def behind_tls(context: ssl.SSLContext, port: int) -> Callable[[socket.socket], None]:
    """For ``listener``: TLS in front of the server at ``port``."""

    def copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def handle(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as inner, socket.create_connection(("127.0.0.1", port)) as out:
            back = threading.Thread(target=copy, args=(out, inner), daemon=True)
            back.start()
            copy(inner, out)
            back.join(5)

    return handle
