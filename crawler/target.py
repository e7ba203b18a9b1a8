"""Where requests go, and what they say about it: connect to one address, speak as if it were the public one. Pure.

Django's page keys hash the absolute URI, so the site must see the public scheme and host although the crawler connects
to an internal address. Over plain HTTP the Host header and the proxy's scheme header do that. Over TLS the server is
also told the visitors' name (SNI), and must show the visitors' certificate (`crawler.download.TLS_NAME`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import urlsplit

from .env import WarmConfig

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The site that is warmed."""

    base_url: str
    """Scheme and address to connect to; no request ever goes elsewhere."""
    tls_name: str
    """Name of the certificate there, where it is not the public one."""
    scheme: str
    host: str
    """What visitors use; the host has its port when that is not the scheme's default, as in a Host header."""
    scheme_header: tuple[str, str] | None
    """Header that tells the site the public scheme, when it cannot see it from the connection."""

    authorization: str = field(default="", repr=False)
    """What a staging site's doorkeeper wants to see."""

    @classmethod
    def from_config(cls, config: WarmConfig) -> Self:
        scheme, host = urlsplit(config.public_url).scheme, host_header(config.public_url)
        name, colon, value = config.proxy_scheme_header.partition(":")
        is_direct = (urlsplit(config.base_url).scheme, host_header(config.base_url)) == (scheme, host)
        header = (name, value.strip().replace("{scheme}", scheme)) if colon and not is_direct else None
        return cls(
            base_url=config.base_url,
            tls_name=config.tls_name,
            scheme=scheme,
            host=host,
            scheme_header=header,
            authorization=config.authorization,
        )

    def at(self, base_url: str) -> Self:
        """The same site, at another instance's address."""
        return replace(self, base_url=base_url)

    @property
    def is_tls(self) -> bool:
        """Whether the connection itself is encrypted, and not only the visitors' connection to a proxy."""
        return self.base_url.startswith("https:")

    def connect_url(self, path_and_query: str) -> str:
        """The URL that is handed to Scrapy."""
        return self.base_url + path_and_query

    def tls_name_of(self, host: str = "") -> str | None:
        """The name that a server must have a certificate for, where the connection is encrypted."""
        if not self.is_tls:
            return None
        return self.tls_name or urlsplit(f"https://{host or self.host}").hostname

    @property
    def public_url(self) -> str:
        """What visitors' URLs begin with."""
        return f"{self.scheme}://{self.host}"

    def serves(self, url: str) -> bool:
        """Whether a whole URL is one of this site's, by its public or its internal address."""
        return any(url == own or url.startswith(f"{own}/") for own in (self.public_url, self.base_url))

    def absolute_uri(self, host: str, path_and_query: str) -> str:
        """What a visitor's ``request.build_absolute_uri()`` gives."""
        return f"{self.scheme}://{host or self.host}{path_and_query}"

    def headers(self, host: str = "") -> list[tuple[str, str]]:
        """The headers that depend on the target alone."""
        headers = [("Host", host or self.host)]
        if self.scheme_header:
            headers.append(self.scheme_header)
        if self.authorization:
            headers.append(("Authorization", self.authorization))
        return headers


def host_header(url: str) -> str:
    """The Host header that a browser sends for a URL: without the port when it is the scheme's default."""
    parts = urlsplit(url)
    name = _host_name(url)
    return name if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{name}:{parts.port}"


def _host_name(url: str) -> str:
    name = urlsplit(url).hostname or ""
    return f"[{name}]" if ":" in name else name
