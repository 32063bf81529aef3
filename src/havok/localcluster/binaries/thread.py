"""Blocking calls in daemon threads: one that hangs in a name look-up must not hold the program at its end."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from havok.localcluster.binaries.process import TICK

T = TypeVar("T")


async def in_thread(
    work: Callable[[threading.Event], T],
    *,
    limit: float | None = None,
    tick: Callable[[], None] | None = None,
) -> T:
    """What `work` returns or raises; TimeoutError after `limit` seconds; calls `tick` every `TICK` seconds.

    Left or cancelled before it is done, `work` sees its event set and should end soon; its result is dropped.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    stop = threading.Event()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def body() -> None:
        result, trouble = None, None
        try:
            result = work(stop)
        except BaseException as error:
            trouble = error
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, trouble)

    threading.Thread(target=body, name="havok-binaries", daemon=True).start()
    try:
        while tick and not (await asyncio.wait({done}, timeout=TICK))[0]:
            tick()
        return await asyncio.wait_for(done, limit)
    finally:
        stop.set()
        done.cancel()  # what still comes is dropped in silence
