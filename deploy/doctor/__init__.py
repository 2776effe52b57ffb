"""What ``finsent doctor`` looks at: settings, broker, ClickHouse, model, disk."""

from deploy.doctor.examination import Finding, examine

__all__ = ["Finding", "examine"]
