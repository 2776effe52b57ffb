"""Apache Kafka on this machine, started by the project: one broker or a small cluster, over the data directory."""

from deploy.local.kafka.jars import archive, differences, folder, install, problem, version
from deploy.local.kafka.server import Node, argv, prepare, properties, speed_up

__all__ = [
    "Node",
    "archive",
    "argv",
    "differences",
    "folder",
    "install",
    "prepare",
    "problem",
    "properties",
    "speed_up",
    "version",
]
