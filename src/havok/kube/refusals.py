"""From an HTTP answer that is no success to a typed error that says as much as can be known.

An API server answers with a Status. What else may answer on its address: a sign-on portal in front of it, a
web server, an API server that was asked in the wrong protocol. None of these may pass for "not found", since
somebody would act on that. And a 401 says nothing about its reason; what we presented may.
"""

import base64
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from havok.clock import rfc3339
from havok.kube.auth import Identity
from havok.kube.errors import Invalid, KubeError, Unauthorized, Unreachable, from_body

MOST: Final = 1 << 20
"""Bytes of a refusal that are read."""
SKEW: Final = 120.0
"""Seconds between our clock and the server's that are worth a word."""
PLAIN_REQUEST: Final = b"Client sent an HTTP request to an HTTPS server"


async def refusal_of(
    response: aiohttp.ClientResponse, server: str, verb: str, path: str, identity: Identity
) -> KubeError:
    """The error that `response` is."""
    if stranger := stranger_in(response, server):
        return stranger
    body = await response.content.read(MOST)
    if response.status == 400 and PLAIN_REQUEST in body:
        return Invalid(
            "kube.server.https",
            f"{server} speaks https, and was asked in http",
            "write https:// before the server of this cluster in the kubeconfig",
            status=400, server=server,
        )  # fmt: skip
    after = retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC))
    error = from_body(response.status, body, verb=verb, path=path, retry_after=after)
    if response.status == 401:
        return _unauthorized(error, identity, _date(response), datetime.now(UTC))
    return error


def stranger_in(response: aiohttp.ClientResponse, server: str) -> KubeError | None:
    """The error for an answer, also a successful one, that no API server gives; None: it may be one's."""
    page = response.content_type in ("text/html", "application/xhtml+xml") and response.status < 500
    moved = 300 <= response.status < 400
    if not page and not moved:
        return None
    if moved or response.status in (200, 401, 403):
        where = urlsplit(response.headers.get("Location", "")).hostname or ""
        what = f"sends us on to {where}" if where else "answers with a web page"
        return Unauthorized(
            "kube.login.page",
            f"{server} {what}, as a sign-on portal does, instead of the Kubernetes API",
            "sign in to the portal, VPN or gateway in front of this cluster; or take a kubeconfig that leads"
            " to the API server itself",
            status=response.status, server=server, what=where or "HTML",
        )  # fmt: skip
    return Unreachable(
        "kube.server.foreign",
        f"{server} is a web server and no Kubernetes API server: it answers {response.status} with a page",
        "check host, port and path of the server of this context in the kubeconfig",
        status=response.status, server=server,
    )  # fmt: skip


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, which gives seconds or a date (RFC 9110, 10.2.3)."""
    if text.isdecimal():
        return float(text)
    when = _parsed(text)
    return max(0.0, (when - now).total_seconds()) if when else None


def _unauthorized(
    error: KubeError, identity: Identity, theirs: datetime | None, ours: datetime
) -> KubeError:  # fmt: skip
    what, when = _ended(identity, theirs or ours)
    if when:
        return Unauthorized(
            "kube.credential.expired",
            f"the {what} of this context ended at {rfc3339(when)}",
            "sign in again, or get a new kubeconfig (`havok up` renews the local cluster's)",
            status=401, reason=error.reason, what=what, ended=rfc3339(when),
        )  # fmt: skip
    if theirs and abs((ours - theirs).total_seconds()) > SKEW:
        minutes = round((ours - theirs).total_seconds() / 60)
        return Unauthorized(
            "kube.clock.skew",
            f"the API server does not accept what we show it, and its clock is {-minutes:+} min off ours",
            "set the clock of this machine (`timedatectl`), then try again",
            status=401, reason=error.reason, minutes=-minutes,
        )  # fmt: skip
    return error


def _ended(identity: Identity, now: datetime) -> tuple[str, datetime | None]:
    """What we presented and when it ended, if it did."""
    if identity.pair and not identity.authorization:
        from cryptography import x509

        ends = x509.load_pem_x509_certificate(identity.pair.certificate).not_valid_after_utc
        return "client certificate", ends if ends < now else None
    ends_at = _expiry_of(identity.authorization.removeprefix("Bearer "))
    return "token", datetime.fromtimestamp(ends_at, UTC) if 0 < ends_at < now.timestamp() else None


class _Claims(msgspec.Struct):
    exp: float = 0.0


def _expiry_of(token: str) -> float:
    """`exp` of a JWT, unverified: it only words an error. 0: it says nothing."""
    _, _, rest = token.partition(".")
    payload = rest.partition(".")[0]
    try:
        return msgspec.json.decode(
            base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=_Claims
        ).exp
    except (ValueError, msgspec.MsgspecError):
        return 0.0


def _date(response: aiohttp.ClientResponse) -> datetime | None:
    return _parsed(response.headers.get("Date", ""))


def _parsed(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
