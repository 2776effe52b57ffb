"""Connections to checked addresses only, so that a receiver's URL cannot lead into the private network."""

from __future__ import annotations

import ipaddress
import socket

from alerts.receivers.contract import Refused

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also where an IPv6 address wraps an IPv4 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(str(wrapped))
    return ip.is_global and not ip.is_multicast


def open_socket(host: str, port: int, timeout: float, private: bool) -> socket.socket:
    """A connection to ``host``.

    The addresses are checked after the name was resolved, and the checked ones are used, so that the name cannot change
    in between. Raises ``Refused`` where one of them is not public and ``private`` ones are not allowed; else what the
    last address raised.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not private:
        for *_, address in addresses:
            if not is_public(str(address[0])):
                raise Refused(f"{host} is the private address {address[0]}; 'private_addresses: true' allows it")
    last: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in addresses:
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(timeout)
        try:
            opened.connect(address)
            return opened
        except OSError as error:
            opened.close()
            last = error
    raise last
