"""Starts the service and ends it well.

PORT (default 8080) and HOST (default 127.0.0.1; the image says 0.0.0.0) say where it listens. SIGTERM stops
listening, lets the requests in flight finish for at most DRAIN_SECONDS, and exits with 0.
"""

import os
import signal
import sys
import threading
import time

from sample.app import App
from sample.machine import describe, uptime_seconds
from sample.metrics import Metrics
from sample.server import Server

DRAIN_SECONDS = 4.5
POLL_SECONDS = 0.2  # how long shutdown may go unnoticed


def main() -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    # Blocked before any thread starts, so that the signal waits for sigwait below and interrupts nothing.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    app = App.from_environment(os.environ)
    say(f"{app.name} {app.version} starting", *describe())
    try:
        host, port = os.environ.get("HOST") or "127.0.0.1", read_port(os.environ.get("PORT") or "8080")
        server = Server((host, port), app, Metrics(app))
    except (OSError, ValueError) as error:
        print(f"cannot listen: {error}; set PORT to a free port", file=sys.stderr)
        return 2
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True, name="accept").start()
    say(f"listening on {host}:{server.server_port}, ready in {uptime_seconds() * 1000:.0f} ms")
    signal.sigwait(signals)
    stop(server)
    return 0


def stop(server: Server) -> None:
    """Stop listening and wait for what is in flight, not longer than DRAIN_SECONDS."""
    end = time.monotonic() + DRAIN_SECONDS
    server.shutdown()
    server.server_close()
    say(f"stopping: no longer listening, {server.in_flight} requests in flight")
    unfinished = server.await_quiet(end)
    say(f"stopped with {unfinished} requests unfinished" if unfinished else "stopped")


def read_port(text: str) -> int:
    """The port that PORT names; 0 takes any free one. Raises ValueError."""
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise ValueError(f'PORT must be a number from 0 to 65535, not "{text}"')
    return int(text)


def say(*lines: str) -> None:
    """Lines for people, on stdout at once."""
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
