"""All kinds of receivers. To add one: write its file here, add its line to ``TRANSPORTS``, and give the contract's test
(``tests/alerts/test_receiver_contract.py``) a server for its scheme, if no other kind has that scheme."""

from __future__ import annotations

import http.client
import smtplib
from collections.abc import Mapping

from alerts.receivers.alertmanager import Alertmanager
from alerts.receivers.contract import AlertRows, Digest, Failed, Receiver, Transport
from alerts.receivers.email import Email
from alerts.receivers.slack import Slack
from alerts.receivers.webhook import Webhook

TRANSPORTS: dict[str, type[Transport]] = {
    "webhook": Webhook,
    "slack": Slack,
    "alertmanager": Alertmanager,
    "email": Email,
}
"""By their ``type`` in the rules' file."""


def send(
    receiver: Receiver, message_id: str, content: AlertRows | Digest, secrets: Mapping[str, str], timeout: float
) -> None:
    """Send alerts or a digest as one message. Raises ``Failed`` or ``Refused``.

    ``secrets`` is where ``secret_env`` is looked up. ``timeout`` is in seconds, for each step.
    """
    secret = ""
    if receiver.secret_env:
        secret = secrets.get(receiver.secret_env, "")
        if not secret:
            raise Failed(f"the environment variable {receiver.secret_env} (its secret) is not set")
    transport = TRANSPORTS[receiver.type](receiver, secret)
    try:
        if isinstance(content, Digest):
            transport.send_digest(message_id, content, timeout)
        else:
            transport.send(message_id, content, timeout)
    except (OSError, http.client.HTTPException, smtplib.SMTPException) as error:
        raise Failed(f"{type(error).__name__}: {error}") from error
