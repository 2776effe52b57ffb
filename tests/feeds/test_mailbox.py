"""Mailboxes: a real IMAP server, and servers that fail."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from feeds.fetching import Fetcher, FetchError
from feeds.item import message_of
from feeds.plan import BadFeeds, Feed, Imap, Plan, check, missing_keys
from feeds.sources import BadAnswer, mailbox
from feeds.sources.mailbox import Mailbox, item_of
from tests.support.certificates import Authority
from tests.support.imap_server import PASSWORD, USER, MailServer, behind_tls, listener, mail_server

NOW = datetime.now(UTC)


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as made:
        yield made


def source(port: int, fetcher: Fetcher, password: str = PASSWORD, **more: Any) -> Mailbox:
    imap = Imap(**{"host": "127.0.0.1", "port": port, "user": USER, "password_env": "MAIL", "tls": "none"} | more)
    return Mailbox(imap, fetcher, {"MAIL": password})


def mail(number: int | str, body: str = "Profit fell by a third.", **headers: str) -> bytes:
    made = EmailMessage()
    named = {
        "Subject": f"Letter {number}",
        "From": "Jane Doe <Jane.Doe@Wire.test>",
        "Message-ID": f"<{number}@jane.test>",
    }
    for name, value in (named | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        made[name] = value
    made.set_content(body)
    return made.as_bytes()


def titles(polled: Any) -> list[str]:
    return [one.title for one in polled.items]


def test_what_is_new_is_read_once_and_nothing_is_changed(mails: MailServer, fetcher: Fetcher) -> None:
    mails.inbox.put(mail("old"), NOW - timedelta(days=30))
    mails.inbox.put(mail(1, Date="Wed, 31 Jan 2024 07:00:00 -0500"))
    mails.inbox.put(mail(2))
    reading = source(mails.port, fetcher)
    first = reading.poll({})
    assert titles(first) == ["Letter 1", "Letter 2"] and not first.faults and not first.more
    assert first.items[0].published_at == datetime(2024, 1, 31, 12, tzinfo=UTC)
    assert first.items[1].published_at == mails.inbox.mails[2].arrived.replace(microsecond=0)
    assert first.items[0].body == "Profit fell by a third."
    assert reading.poll(first.remember).items == []
    mails.inbox.put(mail(3))
    again = source(mails.port, fetcher).poll(first.remember)
    assert titles(again) == ["Letter 3"] and again.remember["uid"] == 4
    assert mails.opened == ["EXAMINE"] * 3 and mails.inbox.changed == []


def test_a_box_that_is_empty_at_first_or_has_only_old_mails(mails: MailServer, fetcher: Fetcher) -> None:
    reading = source(mails.port, fetcher)
    assert titles(reading.poll({})) == []
    mails.inbox.put(mail("old"), NOW - timedelta(days=30))
    first = reading.poll({})
    assert titles(first) == [] and first.remember["uid"] == 1
    assert titles(reading.poll(first.remember)) == []
    mails.inbox.put(mail(1))
    assert titles(reading.poll(first.remember)) == ["Letter 1"]


def test_many_mails_are_read_in_several_turns(
    mails: MailServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MOST_MAILS", 2)
    for number in range(5):
        mails.inbox.put(mail(number))
    reading, remembered, found, more = source(mails.port, fetcher), {}, [], True
    while more:
        polled = reading.poll(remembered)
        remembered, more = polled.remember, polled.more
        found += titles(polled)
    assert found == [f"Letter {number}" for number in range(5)] and sorted(set(mails.inbox.fetched)) == [1, 2, 3, 4, 5]


def test_a_mailbox_that_was_made_anew_gives_the_same_keys(mails: MailServer, fetcher: Fetcher) -> None:
    reading = source(mails.port, fetcher)
    mails.inbox.put(mail(1))
    mails.inbox.put(mail(2))
    first = reading.poll({})
    moved = [one.raw for one in mails.inbox.mails]
    mails.inbox.mails, mails.inbox.next_uid, mails.inbox.validity = [], 1, 2
    mails.inbox.put(mail("old"), NOW - timedelta(days=30))
    for raw in [*moved, mail(3)]:
        mails.inbox.put(raw)
    second = reading.poll(first.remember)
    assert [one.key for one in second.items[:2]] == [one.key for one in first.items]
    assert titles(second) == ["Letter 1", "Letter 2", "Letter 3"] and "UIDVALIDITY" in second.faults[0]
    assert reading.poll(second.remember).items == []


def test_texts_are_read_whatever_a_mail_is_made_of(mails: MailServer, fetcher: Fetcher) -> None:
    both = EmailMessage()
    both["Subject"] = "Gr\u00fc\u00dfe aus K\u00f6ln"
    both.set_content("The plain text\n\n> quoted\n-- \nJane")
    both.add_alternative("<p>The rich text</p>", subtype="html")
    both.add_attachment(b"x" * 2_000_000, maintype="application", subtype="pdf", filename="a.pdf")
    head = b"Subject: =?iso-8859-1?Q?Caf=E9?=\nMIME-Version: 1.0\n"
    html = b"<html><style>p{}</style><p>Profit&nbsp;fell</p><script>x()</script></html>"
    for raw in (
        both.as_bytes(),
        head + b"Content-Type: text/html; charset=utf-8\n\n" + html,
        head + b"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nCaf=E9",
        head + b"Content-Type: text/plain; charset=none-such\n\nTrait\xc3\xa9 sign\xc3\xa9",
        b"\xff\xfe\x00 no mail at all",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n\nx\n--b--\n",
        mail("after"),
    ):
        mails.inbox.put(raw)
    polled = source(mails.port, fetcher).poll({})
    assert [(one.title, one.body) for one in polled.items if one.title] == [
        ("Gr\u00fc\u00dfe aus K\u00f6ln", "The plain text\n\n> quoted\n-- \nJane"),
        ("Caf\u00e9", "Profit fell"),
        ("Caf\u00e9", "Caf\u00e9"),
        ("Caf\u00e9", "Trait\u00e9 sign\u00e9"),
        ("Letter after", "Profit fell by a third."),
    ]
    assert "the mail with the UID 6 has no text" in polled.faults


def test_a_server_that_sends_too_much_keeps_back_no_other_mail(mails: MailServer, fetcher: Fetcher) -> None:
    mails.partial = False
    for raw in (mail(1), mail(2, "x " * 600_000), mail(3)):
        mails.inbox.put(raw)
    reading = source(mails.port, fetcher)
    first = reading.poll({})
    assert titles(first) == ["Letter 1"] and first.more and "the mail with the UID 2 is left out" in first.faults[0]
    assert titles(reading.poll(first.remember)) == ["Letter 3"]


def test_no_address_is_in_an_id_a_source_or_the_news(mails: MailServer, fetcher: Fetcher) -> None:
    raw = mail(1, In_Reply_To="<0@jane.test>")
    item, answered = item_of(raw, source_from=True), item_of(mail(0), source_from=True)
    assert (item.source, item.author, item.in_reply_to) == ("wire.test", "jane.doe@wire.test", answered.key)
    assert item_of(raw, source_from=False).source == ""
    key, value = message_of(item, "news", "letters", "letters", NOW)
    assert b"jane" not in (key + value).lower().replace(b"wire.test", b"")
    without = [item_of(b"From: a@b.test\nSubject: S\n\n" + body, False).key for body in (b"x", b"y", b"x")]
    assert without[0] == without[2] != without[1]


def test_a_wrong_password_or_mailbox_is_told_without_the_password(mails: MailServer, fetcher: Fetcher) -> None:
    with pytest.raises(FetchError, match="with the password in MAIL is refused") as error:
        source(mails.port, fetcher, "wr0ng").poll({})
    assert "wr0ng" not in str(error.value)
    with pytest.raises(FetchError, match="is refused"):
        source(mails.port, fetcher, "\u00fcber\r\nA1 LOGOUT").poll({})
    with pytest.raises(BadAnswer, match="the mailbox 'None' cannot be read"):
        source(mails.port, fetcher, mailbox="None").poll({})
    assert titles(source(mails.port, fetcher).poll({})) == []


def test_mailboxes_have_names_in_all_letters(mails: MailServer, fetcher: Fetcher) -> None:
    assert mailbox._mailbox_name('B\u00f6rse & "Markt"/\u53f0\u5317') == 'B&APY-rse &- \\"Markt\\"/&U,BTFw-'


def test_tls_is_always_spoken_but_on_this_machine(
    mails: MailServer, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "authority")
    files = authority.certify("localhost", ("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    mails.inbox.put(mail(1))
    with listener(behind_tls(context, mails.port)) as port:
        with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED") as error:
            source(port, fetcher, host="localhost", tls="implicit").poll({})
        assert error.value.unreachable
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert titles(source(port, fetcher, host="localhost", tls="implicit").poll({})) == ["Letter 1"]
        with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
            source(port, fetcher, host="127.0.0.1", tls="implicit").poll({})
    with pytest.raises(FetchError, match="TLS not supported"):
        source(mails.port, fetcher, tls="starttls").poll({})
    with pytest.raises(FetchError, match="SSL"):
        source(mails.port, fetcher, tls="implicit").poll({})
    monkeypatch.setattr(mailbox, "ip_address", lambda _: IPv4Address("192.0.2.1"))
    with pytest.raises(FetchError, match="without TLS only this machine itself"):
        source(mails.port, fetcher).poll({})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1"])
def test_no_private_address_is_connected_to(mails: MailServer, host: str) -> None:
    fetcher = Fetcher("me@firm.test", host_pause_s=0)
    with pytest.raises(FetchError, match="private address"):
        source(mails.port, fetcher, host=host).poll({})
    fetcher.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "did not answer in time"),
        (b"* OK half", "did not answer in time"),
        (b"* BYE go away\r\n", "broke off: .*go away"),
        (b"<html>\r\n", "broke off"),
        (b"* OK [CAPABILITY IMAP4rev1] x {99999999999}\r\n", "broke off: a literal of 99999999999 bytes"),
        (b"* OK " + b"x" * 2_000_000, "broke off"),
    ],
)
def test_servers_that_are_ill(said: bytes, words: str) -> None:
    over = threading.Event()

    def handle(peer: socket) -> None:
        peer.sendall(said)
        over.wait(30)

    fetcher = Fetcher("me@firm.test", allow_private=True, host_pause_s=0, timeout_s=0.5)
    with listener(handle) as port:
        with pytest.raises(FetchError, match=words):
            source(port, fetcher).poll({})
        over.set()
    fetcher.close()


def test_a_server_that_speaks_for_ever_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "LONGEST_POLL_S", 0.5)
    over = threading.Event()

    def handle(peer: socket) -> None:
        while not over.wait(0.05):
            peer.sendall(b"x")

    fetcher = Fetcher("me@firm.test", allow_private=True, host_pause_s=0, timeout_s=10)
    with listener(handle) as port:
        with pytest.raises(FetchError, match="broke off"):
            source(port, fetcher).poll({})
        over.set()
    with pytest.raises(FetchError, match="cannot be reached") as error:
        source(port, fetcher).poll({})
    assert error.value.unreachable
    fetcher.close()


def test_a_plan_names_the_password_and_a_user_that_can_be_sent() -> None:
    imap = Imap(host="mail.test", user="me@firm.test", password_env="MAIL_PASSWORD")
    feed = Feed(name="letters", imap=imap)
    check(Plan(contact="me@firm.test", feeds=[feed]))
    assert missing_keys(feed, {}) == ["MAIL_PASSWORD"] and missing_keys(feed, {"MAIL_PASSWORD": "x"}) == []
    for user in ("", "a b", 'a"', "a\r\nA1 DELETE INBOX"):
        with pytest.raises(BadFeeds, match=r"imap\.user"):
            wrong = Imap(host="mail.test", user=user, password_env="MAIL_PASSWORD")
            check(Plan(contact="me@firm.test", feeds=[Feed(name="letters", imap=wrong)]))
