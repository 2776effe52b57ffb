"""E-mail over SMTP, encrypted from the start (``smtps``) or where the server offers it (``smtp``)."""

from __future__ import annotations

import smtplib
import socket
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from alerts.receivers.addresses import open_socket
from alerts.receivers.contract import AlertRows, Digest, Receiver, Refused, Transport
from alerts.receivers.wording import (
    digest_events,
    digest_lines,
    digest_title,
    document_lines,
    exposure_lines,
    facts,
    incident_lines,
    title,
    topic_lines,
)


class Email(Transport):
    """Sends one plain text to all addresses in ``to``. The secret is the password of the user in the URL."""

    schemes = ("smtp://", "smtps://")

    @classmethod
    def problem(cls, receiver: Receiver) -> str:
        return super().problem(receiver) if receiver.to else "an e-mail receiver needs 'to'"

    def send(self, message_id: str, alerts: AlertRows, timeout: float) -> None:
        message = self._message(message_id, subject(alerts), plain_text(alerts))
        # Mailboxes show what has the same reference as one conversation.
        message["References"] = f"<incident-{alerts[0]['incident']}@finsent>"
        self._send(message, timeout)

    def send_digest(self, message_id: str, digest: Digest, timeout: float) -> None:
        self._send(self._message(message_id, digest_title(digest), digest_text(digest)), timeout)

    def _message(self, message_id: str, subject_: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = subject_
        message["From"], message["To"] = self.receiver.sender, ", ".join(self.receiver.to)
        # The same at every try, so that a mailbox recognises a repeat.
        message["Message-ID"] = f"<{message_id}@finsent>"
        message.set_content(text)
        return message

    def _send(self, message: EmailMessage, timeout: float) -> None:
        receiver, parts = self.receiver, urlsplit(self.receiver.url)
        secure = parts.scheme == "smtps"
        port = parts.port or (465 if secure else 587)

        class Smtp(smtplib.SMTP):
            def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
                opened = open_socket(host, port, timeout, receiver.private_addresses)
                return ssl.create_default_context().wrap_socket(opened, server_hostname=host) if secure else opened

        with Smtp(parts.hostname or "", port, timeout=timeout) as server:
            server.ehlo()
            if not secure and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            elif not secure and parts.username:
                raise Refused(f"{parts.hostname} offers no encryption, so the password is not sent: use smtps://")
            if parts.username:
                server.login(unquote(parts.username), self.secret)
            try:
                server.send_message(message)
            except smtplib.SMTPRecipientsRefused as error:
                if all(500 <= code < 600 for code, _ in error.recipients.values()):
                    raise Refused(f"refused by the mail server: {error.recipients}") from error
                raise


def subject(alerts: AlertRows) -> str:
    """The severity and title of the first alert, and how many more there are."""
    more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    line = f"[{alerts[0]['severity']}] {title(alerts[0])}{more}"
    return line.replace("\r", " ").replace("\n", " ")[:200]


def digest_text(digest: Digest) -> str:
    """All alerts of a digest, each with its facts, its first document and its link; then what else happened."""
    parts = []
    for alert in digest.alerts:
        link = alert["evidence"].get("link")
        parts.append("\n".join([f"[{alert['severity']}] {digest_lines(alert)[0]}", *digest_lines(alert)[1:],
                                *([link] if link else [])]))  # fmt: skip
    more = [f"and {digest.more} more"] if digest.more else []
    others = ["\n".join(digest_events(digest))] if digest.events else []
    return "\n\n".join([digest_title(digest), *parts, *more, *others]) + "\n"


def plain_text(alerts: AlertRows) -> str:
    """All alerts, each with its facts, documents, link and query."""
    parts = []
    for alert in alerts:
        lines = [
            title(alert),
            facts(alert),
            *exposure_lines(alert),
            *incident_lines(alert),
            *topic_lines(alert),
            "",
            *document_lines(alert),
            "",
        ]
        if link := alert["evidence"].get("link"):
            lines.append(link)
        lines += [
            alert["evidence"].get("query", ""),
            f"id {alert['id']}, incident {alert['incident']}, model {alert['model_version']}",
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"
