"""A certificate authority of a test's own, and a certificate of it for 127.0.0.1."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def authority(folder: Path) -> tuple[str, ssl.SSLContext]:
    """Its certificate as PEM, and the context of a server on 127.0.0.1 that it has certified."""
    root_key, root, root_name = _root()
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("127.0.0.1")
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    leaf = _builder(name, root_name, key).add_extension(addresses, False).add_extension(issuer, False)
    file = folder / "server.pem"
    private = serialization.PrivateFormat.PKCS8
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
        + leaf.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return _pem(root), context


def client(password: str) -> tuple[str, str, str]:
    """An authority, a client's certificate and its key, as PEM, the key encrypted."""
    root_key, root, root_name = _root()
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("client")
    leaf = _builder(name, root_name, key).sign(root_key, hashes.SHA256())
    encryption = serialization.BestAvailableEncryption(password.encode())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return _pem(root), _pem(leaf), private.decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _root() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate, x509.Name]:
    root_key, root_name = ec.generate_private_key(ec.SECP256R1()), _name("tests' own authority")
    root = _builder(root_name, root_name, root_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    usage = x509.KeyUsage(
        digital_signature=False,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = root.add_extension(usage, True).add_extension(identifier, False)
    return root_key, root.sign(root_key, hashes.SHA256()), root_name


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )
