"""Whether a peer's address is in one of some networks."""

from ipaddress import IPv6Address, ip_address

from server.settings import Networks


def address_of(peer: tuple[str, int] | None) -> str:
    """What a peer is counted under; all without an address are one."""
    return peer[0] if peer else ""


def is_within(peer: tuple[str, int] | None, networks: Networks) -> bool:
    """False for a peer without an address, as on a unix socket."""
    if not networks or peer is None:
        return False
    try:
        address = ip_address(peer[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:  # how a socket for both kinds shows the older
        address = address.ipv4_mapped
    return any(address in network for network in networks)
