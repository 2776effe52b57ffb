"""Values whose schema is in a registry with Confluent's API: JSON, Avro and Protobuf in its wire format.

``values.py`` is the way of a value, ``client.py`` asks the registry, ``patience.py`` waits while it is away.
``json.py``, ``avro.py`` and ``protobuf.py`` keep the contract in ``contract.py``.

The registry is asked with Python's own HTTP client. The client of confluent-kafka would bring 50 MB of librdkafka and
cryptography for two kinds of GET request, and its decoder of Protobuf needs classes that were generated beforehand.
"""

from stream.registry.client import RegistryClient, SchemaUnavailable
from stream.registry.patience import RegistryPatience
from stream.registry.values import Decode, RegistryLibrariesMissing, decoding

__all__ = [
    "Decode",
    "RegistryClient",
    "RegistryLibrariesMissing",
    "RegistryPatience",
    "SchemaUnavailable",
    "decoding",
]
