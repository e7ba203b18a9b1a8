"""Which address a request comes from, behind proxies that are trusted, and whether tickets may come from there.

``X-Forwarded-For`` is written from left to right by those who pass a request on, and anybody may begin it with what
they like. So it is read from the right: the last entry was added by the proxy that we see ourselves, the one before it
by the proxy that this one saw. ``TRUSTED_PROXIES`` says how many of them are ours, or which networks they stand in; the
first address that is nobody's of ours is the client's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from django.http import HttpRequest

from url_manifests.errors import ConfigurationError

from . import conf

UNIX: Final = "unix"
"""In ``TRUSTED_PROXIES``: a proxy on this machine that comes over a Unix socket, and so without an address."""

_Address = IPv4Address | IPv6Address
_Networks = tuple[IPv4Network | IPv6Network, ...]


def is_allowed(request: HttpRequest) -> bool:
    """Whether ``ALLOWED_ADDRESSES`` is empty, or holds the client's address.

    Raises:
        ConfigurationError: one of the two settings is malformed.
    """
    if not (allowed := conf.get("ALLOWED_ADDRESSES")):
        return True
    client = client_address(request)
    networks = _networks("ALLOWED_ADDRESSES", tuple(map(str, allowed)))
    return client is not None and any(client in network for network in networks)


def client_address(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    """The address that nobody but the client itself could have chosen; ``None`` when it cannot be told.

    Raises:
        ConfigurationError: ``TRUSTED_PROXIES`` is malformed.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    hops = [*(forwarded.split(",") if forwarded else ()), request.META.get("REMOTE_ADDR") or ""]
    trusted = conf.get("TRUSTED_PROXIES")
    if isinstance(trusted, int):
        _refuse_negative(trusted)
        # With fewer hops than proxies, the request came around one of them, and nothing in it is to be believed.
        return _parsed(hops[-1 - trusted]) if trusted < len(hops) else None
    return _first_stranger(hops, tuple(map(str, trusted)))


def problems() -> Iterator[ConfigurationError]:
    """What is wrong with the two settings."""
    try:
        _networks("ALLOWED_ADDRESSES", tuple(map(str, conf.get("ALLOWED_ADDRESSES"))))
        trusted = conf.get("TRUSTED_PROXIES")
        if isinstance(trusted, int):
            _refuse_negative(trusted)
        else:
            _networks("TRUSTED_PROXIES", _without_unix(tuple(map(str, trusted))))
    except ConfigurationError as error:
        yield error


def _first_stranger(hops: Sequence[str], trusted: tuple[str, ...]) -> _Address | None:
    networks = _networks("TRUSTED_PROXIES", _without_unix(trusted))
    is_own_socket = UNIX in trusted and not hops[-1]
    for hop in reversed(hops[:-1] if is_own_socket else hops):
        address = _parsed(hop)
        if address is None or not any(address in network for network in networks):
            return address
    return None


def _parsed(text: str) -> _Address | None:
    """An address as proxies write it: perhaps with a port, in brackets, or as IPv4 within IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_unix(trusted: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item for item in trusted if item != UNIX)


def _refuse_negative(count: int) -> None:
    if count < 0:
        raise ConfigurationError(conf.setting_path("TRUSTED_PROXIES"), f"must be 0 or more, is {count}")


@lru_cache(maxsize=32)
def _networks(name: str, texts: tuple[str, ...]) -> _Networks:
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise ConfigurationError(conf.setting_path(name), f"must hold addresses and networks: {error}") from error
