"""The risk team's web page over ClickHouse: market, companies, alerts, labels, search, health and audit.

It knows no Kafka: whoever serves it gives it two functions, one that counts the backlog and one that sends a label.
"""

from console.app import create_app, serve
from console.people import ROLES, BadUsers, add

__all__ = ["ROLES", "BadUsers", "add", "create_app", "serve"]
