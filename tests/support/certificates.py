"""Certificates of the tests' own, made in memory and written as PEM."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

KEY_PASSWORD = "key-password"


class Files(NamedTuple):
    """A certificate and its key."""

    certificate: Path
    key: Path
    locked_key: Path
    """The same key behind ``KEY_PASSWORD``."""

    both: Path
    """One file with the key and the certificate, as brokers read it."""


class Authority:
    """Signs certificates; ``file`` is its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.pem"
        own = self._sign(self._key, name, [], authority=True)
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def certify(self, name: str, hosts: tuple[str, ...] = ()) -> Files:
        """A certificate for ``name`` (its common name) that is good for ``hosts``."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(key, name, [_alternative(host) for host in hosts], authority=False)
        made = Files(*(self._folder / f"{self._name}-{name}{end}" for end in (".crt", ".key", ".locked", ".pem")))
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        made.certificate.write_bytes(certificate.public_bytes(pem))
        made.key.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
        locked = serialization.BestAvailableEncryption(KEY_PASSWORD.encode())
        made.locked_key.write_bytes(key.private_bytes(pem, form, locked))
        made.both.write_bytes(made.key.read_bytes() + made.certificate.read_bytes())
        return made

    def _sign(
        self, key: ec.EllipticCurvePrivateKey, name: str, hosts: list[x509.GeneralName], authority: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
