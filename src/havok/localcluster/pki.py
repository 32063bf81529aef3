"""Certificates of a local cluster: three authorities, one leaf for each role, all made here.

The invariant: every key file is 0600 and written whole; an authority is made once and kept, leaves are made
again when they would end within 60 days or no longer carry the names asked for. Source of the roles:
Kubernetes "PKI certificates and requirements".
"""

import contextlib
import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from havok.localcluster.layout import Layout

AUTHORITY_YEARS = 10
LEAF_DAYS = 365
RENEW_DAYS = 60


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate to have: its file name, its signer, and whom it speaks for."""

    file: str
    authority: str
    common_name: str
    organization: str = ""
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def leaves(layout: Layout, nodes: Sequence[int]) -> list[Leaf]:
    """Every leaf certificate of the cluster."""
    at = layout.addresses
    service = "kubernetes.default.svc"
    serving = (
        "kubernetes", "kubernetes.default", service, f"{service}.cluster.local", "localhost",
    )  # fmt: skip
    wanted = [
        Leaf(
            file="apiserver", authority="ca", common_name="kube-apiserver", names=serving,
            addresses=("127.0.0.1", at.bridge, at.service_api),
        ),
        Leaf(file="apiserver-kubelet", authority="ca", common_name="kube-apiserver-kubelet-client",
             organization="system:masters"),
        Leaf(file="etcd", authority="etcd-ca", common_name="etcd", names=("localhost",),
             addresses=(at.loopback, "127.0.0.1")),
        Leaf(file="apiserver-etcd", authority="etcd-ca", common_name="kube-apiserver-etcd-client"),
        Leaf(file="front-proxy", authority="front-proxy-ca", common_name="front-proxy-client"),
        Leaf(file="controller-manager", authority="ca", common_name="system:kube-controller-manager",
             addresses=(at.loopback,), names=("localhost",)),
        Leaf(file="scheduler", authority="ca", common_name="system:kube-scheduler",
             addresses=(at.loopback,), names=("localhost",)),
        Leaf(file="admin", authority="ca", common_name="havok-admin", organization="system:masters"),
        Leaf(file="proxy", authority="ca", common_name="system:kube-proxy",
             organization="system:node-proxier"),
        Leaf(file="operator", authority="ca", common_name="havok:operator"),
        Leaf(file="storage", authority="ca", common_name="havok:storage"),
        Leaf(file="kwok", authority="ca", common_name="havok:kwok"),
        Leaf(file="metrics-server", authority="ca", common_name="metrics-server",
             names=("metrics-server.kube-system.svc",)),
    ]  # fmt: skip
    for number in nodes:
        node = layout.node(number)
        wanted.append(
            Leaf(file=node.name, authority="ca", common_name=f"system:node:{node.name}",
                 organization="system:nodes", names=(node.name,), addresses=(node.address,))
        )  # fmt: skip
    return wanted


def ensure(layout: Layout, nodes: Sequence[int], now: datetime.datetime) -> list[str]:
    """Make what is missing or about to end. Returns the names of the leaves that were made."""
    folder = layout.pki
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authorities = {name: _authority(folder, name, now) for name in ("ca", "etcd-ca", "front-proxy-ca")}
    _account_key(folder)
    made = []
    for leaf in leaves(layout, nodes):
        signer, signer_key, signer_is_new = authorities[leaf.authority]
        if signer_is_new or not _good(folder / f"{leaf.file}.crt", leaf, signer, now):
            _make_leaf(folder, leaf, signer, signer_key, now)
            made.append(leaf.file)
    return made


def _account_key(folder: Path) -> None:
    """The key that signs the tokens of service accounts. Another key ends every token that pods hold."""
    private, public = folder / "service-accounts.key", folder / "service-accounts.pub"
    key = _read_key(private)
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(private, _key_text(key))
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    text = key.public_key().public_bytes(*form)
    if not public.exists() or public.read_bytes() != text:
        write_public(public, text)


def _read_key(file: Path) -> ec.EllipticCurvePrivateKey | None:
    """The key in a file; None when there is none or it is damaged: both mean "make it again"."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def write_private(file: Path, data: bytes) -> None:
    """Write a secret: 0600 from its first byte, whole or not at all."""
    scratch = file.with_name(file.name + ".new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        output.write(data)
    scratch.replace(file)


def write_public(file: Path, data: bytes) -> None:
    """Write what anyone may read, whole or not at all."""
    scratch = file.with_name(file.name + ".new")
    scratch.write_bytes(data)
    scratch.replace(file)


def _authority(
    folder: Path, name: str, now: datetime.datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, bool]:
    certificate_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    key = _read_key(key_file)
    with contextlib.suppress(OSError, ValueError):
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        if key and certificate.public_key() == key.public_key() and certificate.not_valid_after_utc > now:
            return certificate, key, False
    made = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"havok-{name}")])
    builder = _builder(subject, subject, made.public_key(), now, days=365 * AUTHORITY_YEARS)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(made.public_key()), critical=False)
        .sign(made, hashes.SHA256())
    )
    write_private(key_file, _key_text(made))
    write_public(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, made, True


def _make_leaf(
    folder: Path,
    leaf: Leaf,
    signer: x509.Certificate,
    signer_key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)]
    if leaf.organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.organization))
    builder = _builder(x509.Name(parts), signer.subject, key.public_key(), now, days=LEAF_DAYS)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()), critical=False
        )
    )
    if leaf.names or leaf.addresses:
        builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(leaf)), critical=False)
    certificate = builder.sign(signer_key, hashes.SHA256())
    write_private(folder / f"{leaf.file}.key", _key_text(key))
    write_public(folder / f"{leaf.file}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _good(file: Path, leaf: Leaf, signer: x509.Certificate, now: datetime.datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
        found.verify_directly_issued_by(signer)
    except Exception:  # unreadable, damaged or of another authority: all mean "make it again"
        return False
    if found.not_valid_after_utc - now < datetime.timedelta(days=RENEW_DAYS):
        return False
    key = _read_key(file.with_suffix(".key"))
    if key is None or key.public_key() != found.public_key():
        return False
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return not (leaf.names or leaf.addresses)
    return set(extension) == set(_alternatives(leaf))


def _alternatives(leaf: Leaf) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in leaf.names]
    return names + [x509.IPAddress(ipaddress.ip_address(address)) for address in leaf.addresses]


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    *,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=not sign, data_encipherment=False,
        key_agreement=False, key_cert_sign=sign, crl_sign=sign, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
