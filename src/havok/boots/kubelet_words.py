"""What a kubelet and a container runtime say, shorter. Pure."""

import re


def last_words(message: str) -> str:
    """The innermost cause of a message that wraps causes in `a: b: c`."""
    parts = [part.strip() for part in re.split(r":\s+", message.strip().strip('"'))]
    parts = [part for part in parts if part not in ("", "unknown")]
    return ": ".join(parts[-2:]) if parts else message


def probe_words(message: str) -> str:
    """A kubelet's message about a probe, shorter: `HTTP status 500`, `nothing listens on port 8080`."""
    if found := re.search(r"statuscode: (\d+)", message):
        return f"HTTP {found[1]}"
    if found := re.search(r"dial tcp [^ ]*?:(\d+): connect: connection refused", message):
        return f"connection refused, port {found[1]}"
    if "context deadline exceeded" in message or "Client.Timeout" in message:
        return "no answer in time"
    return last_words(message)


def hook_words(message: str) -> str:
    """What a hook ran and how it ended."""
    found = re.search(r"command '(.*)' exited with (\d+)", message, re.S)
    return f"`{found[1]}` exited with {found[2]}" if found else last_words(message)
