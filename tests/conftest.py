"""What every test gets."""

import asyncio

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Say that there is no event loop yet.

    looptime asks for the current loop even in synchronous tests, and asking makes one that nobody closes;
    with warnings as errors that fails whichever test is being set up then.
    """
    asyncio.set_event_loop(None)
