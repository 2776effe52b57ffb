"""Receivers: one file a kind, each a ``Transport``; ``transports`` lists them.

``routing`` decides who is sent what, and ``notifier`` sends it, with claims and retries. ``wording`` has the texts that
several kinds share. The door of ``alerts`` has the ``Notifier``: it needs the rules, which need the transports.
"""

from alerts.receivers.contract import AlertRows, Failed, Receiver, Refused, Transport
from alerts.receivers.transports import TRANSPORTS

__all__ = ["TRANSPORTS", "AlertRows", "Failed", "Receiver", "Refused", "Transport"]
