"""Over TLS: the public name in SNI and certificate, the internal address on the wire."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from url_manifests.manifest import Entry

from .conftest import Project
from .fake_site import SECRET, FakeSite, serving


def write_certificate(path: Path, *names: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    certificate = (
        builder.not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))


class TlsSite(FakeSite):
    """Remembers by which names it was asked for."""

    names: list[str]


@pytest.fixture
def tls_site(tmp_path: Path) -> Iterator[TlsSite]:
    write_certificate(tmp_path / "cert.pem", "shop.example", "de.shop.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem")
    site = TlsSite(scheme_header="-")
    site.names = []
    context.sni_callback = lambda _socket, name, _context: site.names.append(name)
    # What the fake site takes for the scheme when no header says otherwise.
    with serving(site, context) as running:
        yield running


def aim(project: Project, site: FakeSite, **values: str) -> None:
    project.write_env(
        base_url=site.url, secret=SECRET, ready_url="/healthz", rate=0, ready_timeout=2, timeout=3, **values
    )


def test_asks_for_the_public_name(empty_project: Project, tls_site: TlsSite, tmp_path: Path) -> None:
    tls_site.scheme = "https"
    aim(empty_project, tls_site, public_url="https://shop.example", proxy_scheme_header="none")
    entries = [Entry(url="/page/1/", hits=2), Entry(url="/page/2/", hits=1, host="de.shop.example")]
    empty_project.write_entries(entries)
    result = empty_project.crawl(SSL_CERT_FILE=str(tmp_path / "cert.pem"))
    assert result.returncode == 0, result.stderr
    assert set(tls_site.names) == {"shop.example", "de.shop.example"}
    assert empty_project.report["stored"] == 2
    assert set(empty_project.report["hosts"]) == {"shop.example", "de.shop.example"}
    # Each host's requests share a connection: one for the health check and shop.example, one for de.shop.example.
    assert len(tls_site.names) <= 4


@pytest.mark.parametrize(("tls_name", "code"), [("", 7), ("de.shop.example", 0)])
def test_the_certificate_is_checked(
    empty_project: Project, tls_site: TlsSite, tmp_path: Path, tls_name: str, code: int
) -> None:
    tls_site.scheme = "https"
    aim(empty_project, tls_site, public_url="https://other.example", proxy_scheme_header="none", tls_name=tls_name)
    empty_project.write_urls("/page/1/")
    result = empty_project.crawl(SSL_CERT_FILE=str(tmp_path / "cert.pem"))
    assert result.returncode == code, result.stderr
    assert ("certificate" in result.stderr) is (code == 7)
