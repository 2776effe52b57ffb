"""``python -m deploy.local.kafka``: fetch and check Apache Kafka's jars."""

import sys

from deploy.local.install import InstallError
from deploy.local.kafka import install

try:
    print(install())
except InstallError as error:
    sys.exit(str(error))
