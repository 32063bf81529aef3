"""What the service answers, one path a case. Pure but for `/slow`, which sleeps."""

import html
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sample.app import App

PATHS = ("/", "/health", "/prometheus", "/slow", "/error")
SLOWEST_MS = 30_000
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status: int
    body: str
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def label(path: str) -> str:
    """The path as a label of metrics: only known ones, since a stranger could ask for a million others."""
    return path if path in PATHS else "other"


def answer(app: App, *, path: str, query: str, accept: str) -> Answer:
    """The answer to GET, but for /prometheus, which the server knows. `/error` raises, as asked."""
    match path:
        case "/":
            return home(app, accept)
        case "/health":
            return Answer(200, json.dumps({"status": "UP"}) + "\n")
        case "/slow":
            return slow(query)
        case "/error":
            raise RuntimeError("you asked for an error, and this is one")
    return Answer(404, "not here; try / /health /prometheus /slow?ms=500 /error\n", TEXT)


def home(app: App, accept: str) -> Answer:
    """The facts, as a page for browsers and as JSON for the others."""
    if "text/html" not in accept:
        return Answer(200, json.dumps(app.facts) + "\n")
    page = Path(__file__).with_name("page.html").read_text("utf-8")
    for name, value in app.facts.items():
        page = page.replace("{{" + name + "}}", html.escape(value))
    return Answer(200, page, "text/html; charset=utf-8")


def slow(query: str) -> Answer:
    """Answers after the time asked for: 1 s, or `ms=` milliseconds."""
    name, _, text = (query or "ms=1000").partition("=")
    if name != "ms" or not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= SLOWEST_MS):
        return Answer(400, f"ms must be a number from 0 to {SLOWEST_MS}: /slow?ms=500\n", TEXT)
    time.sleep(int(text) / 1000)
    return Answer(200, json.dumps({"slept_ms": int(text)}) + "\n")


def refuse_method() -> Answer:
    """The answer to everything that is not GET or HEAD."""
    return Answer(405, "only GET and HEAD are answered here\n", TEXT, {"Allow": "GET, HEAD"})


def failed() -> Answer:
    """The answer when answering failed; the reason is for the log, not for strangers."""
    return Answer(500, "something failed here; the log says what\n", TEXT)
