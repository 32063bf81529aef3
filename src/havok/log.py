"""Logs of Havok's own processes: constant event names plus keys, one JSON object a line on stderr.

Call `configure` once at the start of a role; then ``log = get_logger("kube.watch")`` and
``log.info("relisted", resource="pods", objects=5000)``. Values that are secrets are never passed in.
"""

import logging
import sys
from typing import Any, Protocol


class Logger(Protocol):
    """The part of structlog that Havok uses."""

    def debug(self, event: str, **values: object) -> Any: ...
    def info(self, event: str, **values: object) -> Any: ...
    def warning(self, event: str, **values: object) -> Any: ...
    def error(self, event: str, **values: object) -> Any: ...
    def exception(self, event: str, **values: object) -> Any: ...
    def bind(self, **values: object) -> "Logger": ...


def configure(level: str = "info", *, json: bool = True) -> None:
    """Send every log line to stderr from `level` on; `json=False` is for a person's terminal.

    Takes effect, and costs the import of structlog, at the first line written.
    """
    _wanted["configuration"] = (level, json)


_wanted: dict[str, tuple[str, bool]] = {}
"""What `configure` asked for and no line has needed yet; structlog's own configuration is as global."""


def _apply(level: str, json: bool) -> None:
    import structlog

    renderer: Any = structlog.dev.ConsoleRenderer()
    if json:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Logger:
    """A logger whose lines carry `logger=name`; structlog is imported at its first line, not here."""
    return _LazyLogger(name, {})


class _LazyLogger:
    """Defers the 200 ms import of structlog to the first line written."""

    def __init__(self, name: str, values: dict[str, object]) -> None:
        self._name = name
        self._values = values

    def _write(self, level: str, event: str, values: dict[str, object]) -> Any:
        import structlog

        if wanted := _wanted.pop("configuration", None):
            _apply(*wanted)
        line = structlog.get_logger().bind(logger=self._name, **self._values)
        return getattr(line, level)(event, **values)

    def debug(self, event: str, **values: object) -> Any:
        return self._write("debug", event, values)

    def info(self, event: str, **values: object) -> Any:
        return self._write("info", event, values)

    def warning(self, event: str, **values: object) -> Any:
        return self._write("warning", event, values)

    def error(self, event: str, **values: object) -> Any:
        return self._write("error", event, values)

    def exception(self, event: str, **values: object) -> Any:
        return self._write("exception", event, values)

    def bind(self, **values: object) -> Logger:
        return _LazyLogger(self._name, {**self._values, **values})
