"""The risk team's web page over ClickHouse: market, companies, alerts, labels, search, health and audit."""

from console.app import create_app, serve
from console.people import ROLES, BadUsers, add
from settings import ConsoleSettings

__all__ = ["ROLES", "BadUsers", "ConsoleSettings", "add", "create_app", "serve"]
