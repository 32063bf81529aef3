"""What every test gets."""

import asyncio
import os

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
"""The same examples in every run of CI; at a desk each run looks elsewhere: that finds defects."""
if os.environ.get("CI") == "true":
    settings.load_profile("ci")


def pytest_configure(config: pytest.Config) -> None:
    """Say that there is no event loop yet.

    looptime asks for the current loop even in synchronous tests, and asking makes one that nobody closes;
    with warnings as errors that fails whichever test is being set up then.
    """
    asyncio.set_event_loop(None)
