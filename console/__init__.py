"""The risk team's web page over ClickHouse: market, companies, alerts, labels, search and health."""

from console.app import create_app, serve
from console.settings import ConsoleSettings

__all__ = ["ConsoleSettings", "create_app", "serve"]
