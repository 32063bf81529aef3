"""Time as Kubernetes writes it.

Pure code takes `now` as an argument; only shells call `utcnow`.
"""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime, *, micro: bool = False) -> str:
    """`2026-11-24T09:30:00Z` (metav1.Time), or with six digits of fraction (metav1.MicroTime)."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f" if micro else "%Y-%m-%dT%H:%M:%S")
    return text + "Z"


def parse_rfc3339(text: str) -> datetime:
    """The aware moment of an RFC 3339 text; fractions beyond microseconds are cut.

    Raises ValueError when the text is no such time.
    """
    head, dot, rest = text.partition(".")
    if dot:
        digits = rest.rstrip("Zz") if rest[-1:] in "Zz" else rest.split("+")[0].split("-")[0]
        zone = rest[len(digits) :]
        text = f"{head}.{digits[:6].ljust(6, '0')}{zone}"
    return datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))


def age(since: datetime, now: datetime) -> str:
    """How long ago in kubectl's words: `43s`, `5m12s`, `3h4m`, `2d5h`, `90d`."""
    seconds = max(0, int((now - since).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d"
