"""What can be configured: one class a group of environment variables."""

from settings.alerts import AlertSettings
from settings.clickhouse import ClickHouseSettings
from settings.console import ConsoleSettings
from settings.kafka import KafkaSettings
from settings.model import ModelSettings
from settings.privacy import PrivacySettings
from settings.retrain import RetrainSettings, settings_from
from settings.stream import StreamSettings

__all__ = [
    "AlertSettings",
    "ClickHouseSettings",
    "ConsoleSettings",
    "KafkaSettings",
    "ModelSettings",
    "PrivacySettings",
    "RetrainSettings",
    "StreamSettings",
    "settings_from",
]
