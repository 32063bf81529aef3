"""Certificates: the roles Kubernetes wants, private keys, and made again only when there is a reason."""

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from havok.localcluster import pki
from havok.localcluster.layout import Layout

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
AUTHORITIES = {"ca", "etcd-ca", "front-proxy-ca"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path, "t", 3, 16443)


def certificate(layout: Layout, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((layout.pki / f"{name}.crt").read_bytes())


def subject(layout: Layout, name: str) -> tuple[str, str]:
    """(common name, organization or nothing)."""
    attributes = {part.oid: str(part.value) for part in certificate(layout, name).subject}
    return attributes[NameOID.COMMON_NAME], attributes.get(NameOID.ORGANIZATION_NAME, "")


def fingerprints(layout: Layout) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in layout.pki.iterdir()}


def test_every_role_speaks_for_whom_kubernetes_expects(layout: Layout) -> None:
    made = pki.ensure(layout, [1, 2], NOW)
    assert set(made) == {leaf.file for leaf in pki.leaves(layout, [1, 2])}
    assert subject(layout, "admin") == ("havok-admin", "system:masters")
    assert subject(layout, "apiserver-kubelet") == ("kube-apiserver-kubelet-client", "system:masters")
    assert subject(layout, "controller-manager") == ("system:kube-controller-manager", "")
    assert subject(layout, "scheduler") == ("system:kube-scheduler", "")
    assert subject(layout, "node-2") == ("system:node:node-2", "system:nodes")
    assert subject(layout, "operator") == ("havok:operator", "")


def test_only_the_right_authority_signs(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    for leaf in pki.leaves(layout, [1]):
        for authority in AUTHORITIES:
            signer = certificate(layout, authority)
            if leaf.authority == authority:
                certificate(layout, leaf.file).verify_directly_issued_by(signer)
            else:
                with pytest.raises(ValueError, match="Issuer"):
                    certificate(layout, leaf.file).verify_directly_issued_by(signer)


def test_the_api_server_is_known_by_every_name_it_is_called(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    extension = certificate(layout, "apiserver").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    names = {str(name.value) for name in extension.value}
    at = layout.addresses
    assert {"127.0.0.1", at.bridge, at.service_api, "kubernetes.default.svc", "localhost"} <= names


def test_keys_are_readable_by_the_owner_alone(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    keys = [*layout.pki.glob("*.key")]
    assert len(keys) == len(pki.leaves(layout, [1])) + len(AUTHORITIES) + 1
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(layout.pki.stat().st_mode) == 0o700
    assert not [file for file in layout.pki.iterdir() if file.suffix == ".new"]


def test_each_key_belongs_to_its_certificate(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    for file in layout.pki.glob("*.crt"):
        key = serialization.load_pem_private_key(file.with_suffix(".key").read_bytes(), None)
        assert key.public_key().public_bytes(*form) == certificate(
            layout, file.stem
        ).public_key().public_bytes(*form)


def test_nothing_is_made_twice(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    before = fingerprints(layout)
    assert pki.ensure(layout, [1], NOW + datetime.timedelta(days=300)) == []
    assert fingerprints(layout) == before


def test_leaves_that_end_soon_are_renewed_and_authorities_kept(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    before = fingerprints(layout)
    later = NOW + datetime.timedelta(days=pki.LEAF_DAYS - pki.RENEW_DAYS + 1)
    assert len(pki.ensure(layout, [1], later)) == len(pki.leaves(layout, [1]))
    after = fingerprints(layout)
    assert all(after[f"{name}.crt"] == before[f"{name}.crt"] for name in AUTHORITIES)
    assert after["service-accounts.key"] == before["service-accounts.key"]
    assert certificate(layout, "admin").not_valid_after_utc > later + datetime.timedelta(days=300)


def test_an_ended_authority_is_made_again_with_its_leaves(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    much_later = NOW + datetime.timedelta(days=366 * pki.AUTHORITY_YEARS)
    assert len(pki.ensure(layout, [1], much_later)) == len(pki.leaves(layout, [1]))
    assert certificate(layout, "ca").not_valid_after_utc > much_later


def test_other_addresses_make_the_leaf_again(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    moved = Layout(layout.home, layout.name, 4, layout.api_port)
    assert set(pki.ensure(moved, [1], NOW)) == {
        leaf.file for leaf in pki.leaves(layout, [1]) if leaf.addresses
    }


def test_a_node_that_joins_gets_its_own(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    assert pki.ensure(layout, [1, 2], NOW) == ["node-2"]


@pytest.mark.parametrize("damage", ["certificate", "key lost", "key damaged", "key of another"])
def test_damage_is_mended(layout: Layout, damage: str) -> None:
    pki.ensure(layout, [1], NOW)
    files = {"certificate": "admin.crt"}
    victim = layout.pki / files.get(damage, "admin.key")
    if damage == "key lost":
        victim.unlink()
    else:
        victim.write_bytes((layout.pki / "proxy.key").read_bytes() if "another" in damage else b"junk")
    assert pki.ensure(layout, [1], NOW) == ["admin"]
    test_each_key_belongs_to_its_certificate(layout)


@pytest.mark.parametrize("damage", ["lost", "damaged", "of another"])
def test_an_authority_without_its_key_is_made_again(layout: Layout, damage: str) -> None:
    pki.ensure(layout, [1], NOW)
    victim = layout.pki / "etcd-ca.key"
    if damage == "lost":
        victim.unlink()
    else:
        victim.write_bytes((layout.pki / "ca.key").read_bytes() if "another" in damage else b"junk")
    assert set(pki.ensure(layout, [1], NOW)) == {
        leaf.file for leaf in pki.leaves(layout, [1]) if leaf.authority == "etcd-ca"
    }
    test_only_the_right_authority_signs(layout)


def test_the_public_half_of_the_account_key_is_kept_with_it(layout: Layout) -> None:
    pki.ensure(layout, [1], NOW)
    before = (layout.pki / "service-accounts.pub").read_bytes()
    (layout.pki / "service-accounts.pub").unlink()
    pki.ensure(layout, [1], NOW)
    assert (layout.pki / "service-accounts.pub").read_bytes() == before
