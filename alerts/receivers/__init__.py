"""Receivers: one file a kind, each a ``Transport``; ``transports`` lists them.

``routing`` decides who is sent what, ``digests`` makes each day's digest, and ``notifier`` sends both, with claims and
retries. ``wording`` has the texts that several kinds share. ``Notifier`` is not exported here but by ``alerts``: it
needs the rules, and the rules need the transports.
"""

from alerts.receivers.contract import AlertRows, Digest, Failed, Receiver, Refused, Transport
from alerts.receivers.transports import TRANSPORTS

__all__ = ["TRANSPORTS", "AlertRows", "Digest", "Failed", "Receiver", "Refused", "Transport"]
