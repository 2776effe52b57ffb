"""Apache Kafka on this machine, started by the project: one broker or a small cluster, over the data directory."""

from deploy.local.kafka.jars import differences, folder, install, problem, version
from deploy.local.kafka.server import Node, argv, prepare, properties

__all__ = ["Node", "argv", "differences", "folder", "install", "prepare", "problem", "properties", "version"]
