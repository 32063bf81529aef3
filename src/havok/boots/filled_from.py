"""Which central config a request was filled from: the annotation `app.logancloud.com/filled-from`.

Filling and judging are two calls, and the config may change between them, or another replica may be asked
that has not read it yet. So the mutating webhook notes what it filled from, and the validating one judges by
that very config: a request is never refused for what the platform itself put there a moment ago. As with
`author`, only the webhook and the operator write it, whatever the request says there.

Only one case is left open: another mutating webhook makes the API server ask us a second time, and the config
changes between the two. Such a request may be refused; the same request again is not.
"""

from collections.abc import Mapping

from havok.boots.names import FILLED_FROM


def by_request(
    before: Mapping[str, str] | None, digest: str | None, *, changed: bool
) -> dict[str, str | None]:
    """The annotation as it must be after filling from the config `digest` (None: from none).

    `before`: the annotations of the Boot as it was, None for a new one; without a `changed` spec they hold.
    """
    if before is not None and not changed:
        return {FILLED_FROM: before.get(FILLED_FROM)}
    return {FILLED_FROM: digest}


def of(annotations: Mapping[str, str]) -> str | None:
    """The digest, empty for the built-in defaults; None when no webhook noted one."""
    return annotations.get(FILLED_FROM)
