"""One machine, nothing to install by hand: the embedded broker and ClickHouse, and the service over them."""

from deploy.local import kafka
from deploy.local.install import InstallError
from deploy.local.service import NotRunning, Service, environment_of, run, start_detached, stop, usage
from deploy.local.stack import AlreadyRunning, BrokerKind, Stack
from deploy.local.supervisor import Child, ChildFailed, free_port

__all__ = [
    "AlreadyRunning",
    "BrokerKind",
    "Child",
    "ChildFailed",
    "InstallError",
    "NotRunning",
    "Service",
    "Stack",
    "environment_of",
    "free_port",
    "kafka",
    "run",
    "start_detached",
    "stop",
    "usage",
]
