"""Certificates of our own: an authority, what it signs, and when each is due for renewal.

Pure: the time is passed in, nothing is stored here. Keys are P-256. Invariant: a bundle that clients trust
holds the old authority until everything it signed has ended, so that a renewal never breaks a connection.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVING_DAYS: Final = 90
AUTHORITY_DAYS: Final = 1095
SKEW: Final = timedelta(minutes=10)
"""How far back certificates begin, for clocks that are behind ours."""


class Signed(msgspec.Struct, frozen=True):
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"Signed({len(self.certificate)} bytes)"


class Bundle(msgspec.Struct, frozen=True):
    """What a TLS server of ours needs; `trusted` is what its clients get: one or two authorities, PEM."""

    authority: Signed
    serving: Signed
    trusted: bytes


def renew(bundle: Bundle | None, hosts: Sequence[str], now: datetime) -> Bundle:
    """The bundle to use from now on: the same object as long as nothing in it is due and the hosts fit."""
    if bundle is None:
        return _anew(hosts, now, trusted=b"")
    if is_due(bundle.authority.certificate, now):
        return _anew(hosts, now, trusted=_unexpired(bundle.trusted, now))
    if is_due(bundle.serving.certificate, now) or hosts_of(bundle.serving.certificate) != frozenset(hosts):
        return Bundle(bundle.authority, _serve(bundle.authority, hosts, now), _unexpired(bundle.trusted, now))
    trusted = _unexpired(bundle.trusted, now)
    return bundle if trusted == bundle.trusted else Bundle(bundle.authority, bundle.serving, trusted)


def is_due(certificate: bytes, now: datetime) -> bool:
    """Whether 2/3 of its life have passed, or it is not valid yet."""
    loaded = x509.load_pem_x509_certificate(certificate)
    life = loaded.not_valid_after_utc - loaded.not_valid_before_utc
    return not loaded.not_valid_before_utc <= now < loaded.not_valid_before_utc + life * 2 / 3


def due_at(certificate: bytes) -> datetime:
    """When `is_due` becomes true."""
    loaded = x509.load_pem_x509_certificate(certificate)
    return loaded.not_valid_before_utc + (loaded.not_valid_after_utc - loaded.not_valid_before_utc) * 2 / 3


def hosts_of(certificate: bytes) -> frozenset[str]:
    """The names and addresses a certificate is for."""
    extensions = x509.load_pem_x509_certificate(certificate).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return frozenset(str(name.value) for name in names)


def make_authority(name: str, now: datetime, *, days: int = AUTHORITY_DAYS) -> Signed:
    """A new root that signs leaves and no further authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public_key(), now, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return Signed(_pem(builder.sign(key, hashes.SHA256())), _private(key))


def issue(
    authority: Signed,
    name: str,
    now: datetime,
    *,
    hosts: Sequence[str] = (),
    groups: Sequence[str] = (),
    days: int = SERVING_DAYS,
) -> Signed:
    """A leaf: a server's when it has `hosts` (names or addresses), and a client's in any case.

    To Kubernetes a client's `name` is its user and its `groups` are the groups.
    """
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    signer = serialization.load_pem_private_key(authority.key, password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(subject, issuer.subject, key.public_key(), now, days)
    if hosts:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
        alternatives = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        builder = builder.add_extension(alternatives, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)
    builder = builder.add_extension(identifier, critical=False)
    return Signed(_pem(builder.sign(signer, hashes.SHA256())), _private(key))


def _anew(hosts: Sequence[str], now: datetime, *, trusted: bytes) -> Bundle:
    authority = make_authority("havok webhook authority", now)
    return Bundle(authority, _serve(authority, hosts, now), authority.certificate + trusted)


def _serve(authority: Signed, hosts: Sequence[str], now: datetime) -> Signed:
    return issue(authority, "havok webhook", now, hosts=hosts)


def _unexpired(trusted: bytes, now: datetime) -> bytes:
    certificates = x509.load_pem_x509_certificates(trusted)
    return b"".join(_pem(one) for one in certificates if one.not_valid_after_utc > now)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - SKEW)
    builder = builder.not_valid_after(now + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
