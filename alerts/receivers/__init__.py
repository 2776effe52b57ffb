"""Receivers: one file a kind, each a ``Transport``; ``transports`` lists them.

``routing`` decides who is sent what, ``digests`` makes that of each day, and ``notifier`` sends it, with claims and
retries. ``wording`` has the texts that several kinds share. The door of ``alerts`` has the ``Notifier``: it needs the
rules, which need the transports.
"""

from alerts.receivers.contract import AlertRows, Digest, Failed, Receiver, Refused, Transport
from alerts.receivers.transports import TRANSPORTS

__all__ = ["TRANSPORTS", "AlertRows", "Digest", "Failed", "Receiver", "Refused", "Transport"]
