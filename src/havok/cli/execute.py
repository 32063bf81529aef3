"""`havok exec`: run a command in a container of an app, or open a shell there.

On a terminal the local one is put into raw mode, so that every key reaches the container, and changes of its
size are passed on. The exit code is that of the command.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Final

import typer

from havok.cli import options
from havok.cli.connect import Target, connected, find_boot, run
from havok.cli.kinds import split_words
from havok.cli.pods import container_of, one_pod
from havok.errors import HavokError, NotFoundError, UsageError
from havok.kube import KubeError
from havok.kube.sessions import ExecSession

SHELL: Final = ("/bin/sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")
STDERR: Final = 2
BLOCK: Final = 32 * 1024


def execute(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NAME", help="option.boot")],
    command: Annotated[list[str] | None, typer.Argument(metavar="COMMAND", help="exec.command")] = None,
    stdin: Annotated[bool, typer.Option("--stdin", "-i", help="exec.stdin")] = False,
    tty: Annotated[bool, typer.Option("--tty", "-t", help="exec.tty")] = False,
    pod: Annotated[str | None, typer.Option("--pod", metavar="NAME", help="exec.pod")] = None,
    container: options.Container = None,
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    terminal = console.stdin.isatty() and console.stdout.isatty()
    if not command:
        stdin, tty = True, tty or terminal
    if tty and not terminal:
        raise UsageError(
            "cli.exec.no_terminal",
            "a terminal was asked for with -t, and there is none here",
            "leave -t out",
        )
    resources, names = split_words([what])

    async def work() -> int:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boot = await find_boot(cluster, names[0], resources)
            found = await one_pod(cluster, boot, pod)
            if tty:
                console.hint("exec.running", pod=found.metadata.name)
            session = cluster.client.exec(
                found.metadata.name, boot.namespace, list(command or SHELL),
                container=container_of(found, container), stdin=stdin, tty=tty,
            )  # fmt: skip
            try:
                async with session as stream:
                    return await converse(stream, stdin=stdin, tty=tty)
            except KubeError as error:
                raise _plain(error, boot.name) from error

    code = run(work)
    if code:
        raise typer.Exit(code)


async def converse(stream: ExecSession, *, stdin: bool, tty: bool) -> int:
    """Join this process's standard streams to the session's until it ends; its exit code."""
    with raw_terminal() if tty else contextlib.nullcontext():
        async with contextlib.AsyncExitStack() as stack:
            if tty:
                await stack.enter_async_context(_sizes(stream))
            if stdin:
                await stack.enter_async_context(_input(stream))
            while (message := await stream.read()) is not None:
                channel, data = message
                target = sys.stderr if channel == STDERR else sys.stdout
                target.buffer.write(data)
                target.buffer.flush()
    return int(stream.exit_code or 0)


def _plain(error: KubeError, name: str) -> HavokError:
    """The runtime's long sentence about a program that the image lacks, in short."""
    found = re.search(r'exec: \\?"([^"\\]+)\\?": (executable file not found|stat)', error.message)
    if error.code != "kube.exec.failed" or found is None:
        return error
    return NotFoundError(
        "cli.exec.no_program",
        f"the image of {name} has no program {found[1]}",
        f"name one that it has: havok exec {name} -- PROGRAM; small images have no shell",
        name=name, program=found[1],
    )  # fmt: skip


@contextmanager
def raw_terminal() -> Iterator[None]:
    """The terminal in raw mode for the while, and as it was afterwards, whatever happens."""
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@asynccontextmanager
async def _sizes(stream: ExecSession) -> AsyncIterator[None]:
    """Pass the terminal's size on, now and at every change."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    changed.set()

    async def follow() -> None:
        while True:
            await changed.wait()
            changed.clear()
            size = os.get_terminal_size(sys.stdout.fileno())
            await stream.resize(size.columns, size.lines)

    loop.add_signal_handler(signal.SIGWINCH, changed.set)
    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
        await _end(task)


@asynccontextmanager
async def _input(stream: ExecSession) -> AsyncIterator[None]:
    """Pass standard input on as it comes; its end closes the session's input."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    async def read() -> bytes:
        waiter: asyncio.Future[bytes] = loop.create_future()

        def ready() -> None:
            if not waiter.done():
                waiter.set_result(os.read(descriptor, BLOCK))

        try:
            loop.add_reader(descriptor, ready)
        except PermissionError:  # a regular file is always ready and cannot be polled
            return await loop.run_in_executor(None, os.read, descriptor, BLOCK)
        try:
            return await waiter
        finally:
            loop.remove_reader(descriptor)

    async def follow() -> None:
        while data := await read():
            await stream.write(data)
        await stream.close_stdin()

    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        await _end(task)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, OSError):
        await task
