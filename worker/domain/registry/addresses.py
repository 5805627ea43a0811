"""Which addresses may be dialled: public unicast only, seen through every IPv4-in-IPv6 wrapping."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")

# No list of allowed networks opens these. "This host" and unspecified addresses reach the machine itself; the
# others are where clouds hand out a machine's own identity: AWS with its ECS and EKS agents, Azure (a public
# address), GCP, Oracle, Alibaba, OpenStack.
_NEVER = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fd00:ec2::/32",
        "fd20:ce::/32",
        "ff00::/8",
    )
)


def parse_address(text: str) -> Address | None:
    """Return the address in ``text``, without brackets and zone; None if it is not an address."""
    try:
        return ip_address(text.strip("[]").split("%", 1)[0])
    except ValueError:
        return None


def unwrap(address: Address) -> Address:
    """Return the IPv4 address in an IPv6 one (IPv4-mapped, 6to4, NAT64), or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_forbidden(address: Address) -> bool:
    """Return whether the address may never be dialled: metadata, unspecified, multicast, reserved."""
    real = unwrap(address)
    return any(real.version == network.version and real in network for network in _NEVER)


def is_public(address: Address) -> bool:
    """Return whether the address is public unicast and not a metadata service."""
    real = unwrap(address)
    if is_forbidden(real):
        return False
    if isinstance(real, IPv6Address):
        # Python counts ::7f00:1 (IPv4-compatible) and fec0::/10 (site-local) as global.
        return real.is_global and real in _GLOBAL_UNICAST
    return real.is_global
