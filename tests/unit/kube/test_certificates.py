"""Certificates are renewed in time and never break the trust that is out there."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from cryptography import x509
from hypothesis import example, given, settings

from havok.kube.certificates import Bundle, due_at, hosts_of, is_due, issue, make_authority, renew

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOSTS = ("hook.ns.svc", "127.0.0.1", "::1")


def test_nothing_is_renewed_before_two_thirds_of_its_life() -> None:
    bundle = renew(None, HOSTS, NOW)
    assert renew(bundle, HOSTS, NOW + timedelta(days=59)) is bundle
    later = renew(bundle, HOSTS, NOW + timedelta(days=61))
    assert later.authority == bundle.authority
    assert later.serving != bundle.serving
    assert not is_due(later.serving.certificate, NOW + timedelta(days=61))
    assert due_at(bundle.serving.certificate) < NOW + timedelta(days=60)


def test_other_hosts_need_another_certificate() -> None:
    bundle = renew(None, HOSTS, NOW)
    assert hosts_of(bundle.serving.certificate) == frozenset(HOSTS)
    assert hosts_of(renew(bundle, ("other",), NOW).serving.certificate) == {"other"}


def test_names_and_groups_are_what_kubernetes_reads() -> None:
    leaf = issue(make_authority("a", NOW), "ann", NOW, groups=("dev", "ops"))
    subject = x509.load_pem_x509_certificate(leaf.certificate).subject
    values = [attribute.value for attribute in subject]
    assert values == ["dev", "ops", "ann"]
    assert b"PRIVATE" not in repr(leaf).encode()


@given(st.lists(st.integers(1, 500), min_size=1, max_size=12))
@example([1, 1, 1, 33, 500, 500, 59])  # an authority of former days ends while nothing else is due
@settings(max_examples=15, deadline=None)
def test_whoever_trusts_a_bundle_trusts_the_server_until_the_next_check(days: list[int]) -> None:
    now, bundle = NOW, renew(None, HOSTS, NOW)
    for step in days:
        before: Bundle = bundle
        now += timedelta(days=step)
        bundle = renew(bundle, HOSTS, now)
        certificate = x509.load_pem_x509_certificate(bundle.serving.certificate)
        assert certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
        trusted = x509.load_pem_x509_certificates(bundle.trusted)
        certificate.verify_directly_issued_by(trusted[0])
        assert all(one.not_valid_after_utc > now for one in trusted)
        old = x509.load_pem_x509_certificate(before.authority.certificate)
        if old.not_valid_after_utc > now:
            assert old in trusted
