"""``python -m deploy.local.kafka``: fetch and check Apache Kafka's jars, and make its starts quick."""

import sys

from deploy.local.install import InstallError
from deploy.local.kafka import install, speed_up

try:
    jars = install()
    speed_up(jars)
    print(jars)
except InstallError as error:
    sys.exit(str(error))
