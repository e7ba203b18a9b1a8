"""Finds the release under the site's public names, as curl's ``--resolve`` does.

Over TLS the URL of a request must hold the public name: the server chooses certificate and site by it (SNI), and the
certificate is checked against it. So the name stays, and only the look-up of its address is replaced: every name leads
to the host of ``WARM_BASE_URL``, but for the few that are meant literally. A request can thus not leave for another
host even if a URL names one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution
from zope.interface import implementer  # type: ignore[import-untyped]


@implementer(IHostnameResolver)
class OneHostResolver:
    """Answers for every name with the address of one host.

    Twisted's interfaces are no types, so what comes from there is `Any` here.

    Args:
        host: name or address that all names lead to.
        literal: names that lead where they say.
        original: the resolver that knows the addresses of ``host`` and ``literal``.
    """

    def __init__(self, host: str, literal: Collection[str], original: Any) -> None:
        self._host = host
        self._literal = frozenset(literal)
        self._original = original

    def resolveHostName(  # noqa: N802 - Twisted's name
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        name = hostName if hostName in self._literal else self._host
        if (address := _address(name, portNumber)) is None:
            return self._original.resolveHostName(
                resolutionReceiver, name, portNumber, addressTypes, transportSemantics
            )
        resolution = _Resolved(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        resolutionReceiver.addressResolved(address)
        resolutionReceiver.resolutionComplete()
        return resolution


@implementer(IHostResolution)
class _Resolved:
    """A look-up that is over before anybody could cancel it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        pass


def _address(name: str, port: int) -> Any:
    if isIPAddress(name):
        return IPv4Address("TCP", name, port)
    if isIPv6Address(name):
        return IPv6Address("TCP", name, port)
    return None


def install(reactor: Any, host: str, literal: Collection[str]) -> None:
    """Let every name lead to ``host`` from now on."""
    reactor.installNameResolver(OneHostResolver(host, literal, reactor.nameResolver))
