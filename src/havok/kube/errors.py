"""What can go wrong between us and an API server.

    KubeError                    any answer or failure that is none of the below
    ├── NotFound                 404                              exit 3
    ├── Unauthorized             401                              exit 4
    ├── Forbidden                403                              exit 4
    ├── Conflict                 409, somebody wrote first        exit 5
    │   ├── AlreadyExists        409 on create                    exit 5
    │   └── LeadLost             somebody else leads by now       exit 5
    ├── Gone                     410, a resourceVersion or continue token too old
    ├── Invalid                  400, 406, 413, 415, 422          exit 2
    │   └── Denied               an admission webhook said no     exit 2
    ├── TooManyRequests          429 after the last try
    ├── Unavailable              500, 502, 503 after the last try
    ├── TimedOut                 504, or no answer in time        exit 6
    ├── Unreachable              no connection, or it broke
    └── Undecodable              an answer that is not what was asked for

Each is also the matching class of `havok.errors`, so that callers above need not know this module. Secrets
(tokens, bodies of requests) never stand in an error; the API server's own sentence does.
"""

# ruff: noqa: N818  the names are the API's own reasons

import re
from typing import Final

import msgspec

from havok.errors import ConflictError, ForbiddenError, HavokError, NotFoundError, TimedOutError, UsageError


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """The parts of metav1.Status that say why."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: "StatusDetails | None" = None


class StatusDetails(msgspec.Struct, frozen=True, rename="camel"):
    """Where it failed, and when to come back."""

    name: str = ""
    kind: str = ""
    retry_after_seconds: int = 0
    causes: "tuple[StatusCause, ...] | None" = None


class StatusCause(msgspec.Struct, frozen=True, rename="camel"):
    """One field, and what is wrong with it."""

    reason: str = ""
    message: str = ""
    field: str = ""


class KubeError(HavokError):
    """An API server refused, failed or could not be asked.

    `status` is the HTTP status (0: there was no answer), `reason` the API's machine-readable reason,
    `retry_after` the seconds the server asked us to wait (None: it did not say), `details` the fields.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        status: int = 0,
        reason: str = "",
        retry_after: float | None = None,
        details: StatusDetails | None = None,
        **context: object,
    ) -> None:
        super().__init__(code, message, hint, **context)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        self.details = details


class NotFound(KubeError, NotFoundError):
    """The object, or the kind itself, does not exist."""


class Unauthorized(KubeError, ForbiddenError):
    """The API server does not know who we are."""


class Forbidden(KubeError, ForbiddenError):
    """The API server knows us, and RBAC does not allow this."""


class Conflict(KubeError, ConflictError):
    """The object changed since it was read, or a field belongs to another field manager."""


class AlreadyExists(Conflict):
    """There is an object of this name already."""


class LeadLost(Conflict):
    """We lead no more; a leader that raises it is ended as one whose lease was taken."""


class Gone(KubeError):
    """A resourceVersion or continue token is older than what the server keeps: list again."""


class Invalid(KubeError, UsageError):
    """The object or the request is wrong in itself."""


class Denied(Invalid):
    """An admission webhook refused the object."""


class TooManyRequests(KubeError):
    """The server throttles us, and went on to after the last try."""


class Unavailable(KubeError):
    """The server, or something behind it, is broken at the moment."""


class TimedOut(KubeError, TimedOutError):
    """No answer in time; whether the request took effect is unknown."""


class Unreachable(KubeError):
    """There is no connection to the API server, or it broke in the middle."""


class Undecodable(KubeError):
    """The answer is not the JSON that was asked for."""


_CODE: Final = re.compile(r"[a-z]+(\.[a-z]+)+")
_VALUE: Final = "value"
_UNTYPED: Final = "failed to create typed patch object"
"""How the API server begins to say that a body of server-side apply has not the shape of its kind."""
_HINT: Final = "hint"

_CLASSES: dict[int, tuple[type[KubeError], str]] = {
    400: (Invalid, "kube.invalid"),
    401: (Unauthorized, "kube.unauthorized"),
    403: (Forbidden, "kube.forbidden"),
    404: (NotFound, "kube.notfound"),
    406: (Invalid, "kube.invalid"),
    409: (Conflict, "kube.conflict"),
    410: (Gone, "kube.gone"),
    413: (Invalid, "kube.invalid"),
    415: (Invalid, "kube.invalid"),
    422: (Invalid, "kube.invalid"),
    429: (TooManyRequests, "kube.throttled"),
    500: (Unavailable, "kube.unavailable"),
    502: (Unavailable, "kube.unavailable"),
    503: (Unavailable, "kube.unavailable"),
    504: (TimedOut, "kube.timeout"),
}

_HINTS = {
    "kube.invalid": "correct what the message names and send it again",
    "kube.admission.denied": "correct what the message names and send it again",
    "kube.unauthorized": "sign in again, or check the user of this context in the kubeconfig",
    "kube.forbidden": "ask an administrator of the cluster for a role that allows it",
    "kube.notfound": "check the name and the namespace",
    "kube.conflict": "read it again and repeat the change",
    "kube.exists": "choose another name, or change the one that exists",
    "kube.gone": "list again from the start",
    "kube.throttled": "try again in a moment",
    "kube.unavailable": "try again; if it stays, look at the health of the cluster",
    "kube.timeout": "check whether it took effect before you repeat it",
    "kube.failed": "read the server's own words above",
}


def from_status(
    code: int, status: Status, *, verb: str = "", path: str = "", retry_after: float | None = None
) -> KubeError:
    """The typed error of an API server's refusal."""
    # what no merge can take, like two items of one key, is the sender's fault though the server says 500
    code = 422 if status.message.startswith(_UNTYPED) else code
    kind, name = _CLASSES.get(code, (KubeError, "kube.failed"))
    if status.reason == "AlreadyExists":
        kind, name = AlreadyExists, "kube.exists"
    elif status.reason == "Expired":
        kind, name = Gone, "kube.gone"
    elif status.message.startswith("admission webhook ") and " denied the request" in status.message:
        kind, name = Denied, "kube.admission.denied"
    hint, values = _HINTS[name], dict[str, str]()
    if kind is Denied:
        name, values, own = _of_causes(status, name)
        hint = own if own and own not in status.message else hint
    detail = status.message.strip() or f"the API server answered {code} {status.reason}".strip()
    if retry_after is None and status.details and status.details.retry_after_seconds:
        retry_after = float(status.details.retry_after_seconds)
    error = kind(
        name, detail, hint, status=code, reason=status.reason, retry_after=retry_after,
        details=status.details, detail=detail, verb=verb, path=path,
    )  # fmt: skip
    error.context |= values
    return error


def as_causes(error: HavokError) -> list[dict[str, str]]:
    """A refusal's code and values as causes of a Status, where the API server passes them on unchanged."""
    head = {"reason": error.code, "field": str(error.context.get("field", "")), "message": error.message}
    values = [{"reason": _VALUE, "field": key, "message": str(value)} for key, value in error.context.items()]
    return [head, {"reason": _HINT, "message": error.hint}, *values]


def _of_causes(status: Status, otherwise: str) -> tuple[str, dict[str, str], str]:
    """Code, values and next step of a refusal by a webhook of ours; a foreign one has none."""
    head, *rest = (status.details.causes if status.details else None) or (StatusCause(),)
    if not _CODE.fullmatch(head.reason):
        return otherwise, {}, ""
    values = {one.field: one.message for one in rest if one.reason == _VALUE}
    return head.reason, values, next((one.message for one in rest if one.reason == _HINT), "")


def from_body(
    code: int, body: bytes, *, verb: str = "", path: str = "", retry_after: float | None = None
) -> KubeError:
    """As `from_status`, from the raw body; a body that is no Status is quoted, shortened."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:
        text = " ".join(body[:300].decode("utf-8", "replace").split())
        status = Status(message=f"{verb} {path}: the server answered {code}: {text}".strip(": "))
    return from_status(code, status, verb=verb, path=path, retry_after=retry_after)
