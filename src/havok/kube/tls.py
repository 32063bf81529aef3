"""TLS contexts from an `Access`, rebuilt when the files behind them change.

Invariant: a private key that is given inline touches the disk only as a file of mode 0600 that is gone before
the function returns. It must not know about HTTP.
"""

import os
import ssl
import tempfile
from pathlib import Path

from havok.kube.access import Access
from havok.kube.errors import KubeError
from havok.log import get_logger

log = get_logger("kube.tls")


class KeyPair:
    """A client certificate and its key, PEM; compared by content."""

    __slots__ = ("certificate", "key")

    def __init__(self, certificate: bytes, key: bytes) -> None:
        self.certificate = certificate
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyPair) and (self.certificate, self.key) == (other.certificate, other.key)

    def __hash__(self) -> int:
        return hash(self.certificate)


class TlsSource:
    """Gives the context for the next connection; the same object as long as nothing changed."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._built_of: tuple[KeyPair | None, bytes] | None = None
        self._context: ssl.SSLContext | None = None

    def context(self, pair: KeyPair | None) -> ssl.SSLContext:
        """A context that presents `pair`. Raises KubeError `kube.tls.unusable`."""
        authority = self._authority()
        if self._context is None or self._built_of != (pair, authority):
            try:
                self._context = build_context(authority, pair, insecure=self._access.insecure)
            except KubeError as error:
                # Files that are being replaced do not fit for a moment; the old pair works until they do.
                if self._context is None:
                    raise
                log.warning("new_certificate_unusable", server=self._access.server, cause=error.message)
            self._built_of = (pair, authority)
        return self._context

    def _authority(self) -> bytes:
        if self._access.ca or not self._access.ca_file:
            return self._access.ca
        return read_pem(self._access.ca_file)


def build_context(authority: bytes, pair: KeyPair | None, *, insecure: bool = False) -> ssl.SSLContext:
    """A client context that trusts `authority` (PEM; empty: the system's roots)."""
    context = ssl.create_default_context()
    # Cluster authorities often lack the key identifiers that Python 3.13's strict mode asks for.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if authority and not insecure:
            context = _trusting(context, authority)
        if pair:
            present(context, pair)
    except (ssl.SSLError, ValueError) as error:
        what = "the certificate authority" if pair is None else "the client certificate or the authority"
        raise KubeError(
            "kube.tls.unusable",
            f"{what} of this cluster cannot be used: {error}",
            "check the certificate fields of the kubeconfig: PEM texts, and a key that fits its certificate",
            what=what, detail=str(error),
        ) from error  # fmt: skip
    return context


def read_pem(path: str) -> bytes:
    """The content of a certificate or key file. Raises KubeError `kube.credential.file`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise credential_file(path, error) from error


def credential_file(path: str, error: OSError) -> KubeError:
    """The error of a file that holds a credential and cannot be read."""
    reason = error.strerror or str(error)
    return KubeError(
        "kube.credential.file",
        f"the credential file {path} cannot be read: {reason}",
        "check that the file which the kubeconfig names exists and is yours",
        path=path, reason=reason,
    )  # fmt: skip


def _trusting(context: ssl.SSLContext, authority: bytes) -> ssl.SSLContext:
    """`context` with `authority` as its only root."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.minimum_version = ssl.TLSVersion.TLSv1_2
    trusting.verify_flags = context.verify_flags
    trusting.load_verify_locations(cadata=authority.decode("ascii"))
    return trusting


def present(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Have `context` present `pair` in new handshakes. Raises ssl.SSLError, ValueError."""
    with tempfile.TemporaryDirectory(prefix="havok-") as folder:
        names = []
        for name, content in (("crt", pair.certificate), ("key", pair.key)):
            path = Path(folder) / name
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            names.append(path)
        context.load_cert_chain(names[0], names[1], password=_no_password)


def _no_password() -> str:
    raise ValueError("the key is encrypted with a password")
