"""The Boot contract under many Boots and configs: ``make soak``, and in short with every `make test`.

SOAK_CASES (2000), SOAK_SEED (1) and SOAK_FIRST (0) choose the cases; a case is the same
whenever its seed and number are. With one case its config and its Boot are printed.
"""

import asyncio
import os
import re
import time
import traceback
from collections import Counter

import pytest

from havok.codec import encode_yaml
from soak.case import Case, Finding, Outcome
from soak.desk import Desk

WORKERS = 12
LEAST_REACHED = 0.3
EXPECTED = (
    "accepted",
    "accepted without a config",
    "told in a condition",
    "rendered without a server",
    "config refused",
    "not a Boot",
    "refused by the schema, metadata.name",
    *(f"refused by the schema, spec.{field}" for field in ("env", "hpa", "port", "replicas", "resources")),
    *(f"refused boots.refused.{rule}" for rule in (
        "config", "env", "hpa", "name", "priority", "pvc", "resources", "secret", "selector",
    )),
)  # fmt: skip
"""How the classes begin of which a run of 2000 cases has some; an empty one shows a fuzz gone blind."""


class Tally:
    """What became of the cases so far."""

    def __init__(self) -> None:
        self.kinds = Counter[str]()
        self.configs = Counter[str]()
        self.reached = 0
        self.findings: dict[str, tuple[str, list[int]]] = {}

    def add(self, outcome: Outcome) -> None:
        self.kinds[outcome.kind] += 1
        self.configs[outcome.config] += 1
        self.reached += outcome.reached

    def find(self, words: str, number: int) -> None:
        """A finding; those that differ in names and numbers alone are one."""
        kind = re.sub(r'"[^"]*"|[0-9]+|live-[a-z]+|soak-dev', "…", words)
        if kind not in self.findings:
            self.findings[kind] = (words, [])
            print(f"  case {number}: {words}", flush=True)
        self.findings[kind][1].append(number)

    def show(self, cases: int, seconds: float) -> None:
        print(f"\n{cases} cases in {seconds:.0f} s; {self.reached} reached the API server", flush=True)
        for title, counts in (("configs", self.configs), ("Boots", self.kinds)):
            print(f"{title}:")
            for kind, count in counts.most_common():
                print(f"  {count:7} {kind}")
        for words, numbers in self.findings.values():
            print(f"FINDING ({len(numbers)} cases, as {numbers[:5]}): {words}", flush=True)


def setting(name: str, default: int) -> int:
    return int(os.environ.get(f"SOAK_{name}") or default)


@pytest.mark.kube
@pytest.mark.timeout(0)
async def test_every_boot_is_refused_with_a_remedy_or_runs(desk: Desk) -> None:
    cases, seed, first = setting("CASES", 2000), setting("SEED", 1), setting("FIRST", 0)
    print(f"\nsoak: seed {seed}, cases {first} to {first + cases - 1}", flush=True)
    tally, numbers, began = Tally(), iter(range(first, first + cases)), time.monotonic()

    async def work() -> None:
        for number in numbers:
            await one(desk, seed, number, tally, show=cases == 1)
            done = number - first + 1
            if done % 5000 == 0:
                print(f"  {done} cases, {time.monotonic() - began:.0f} s", flush=True)

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
    tally.show(cases, time.monotonic() - began)
    assert [words for words, _ in tally.findings.values()] == [], f"seed {seed}"
    if cases >= 2000:
        assert tally.reached >= LEAST_REACHED * cases
        assert [kind for kind in EXPECTED if not any(one.startswith(kind) for one in tally.kinds)] == []


async def one(desk: Desk, seed: int, number: int, tally: Tally, *, show: bool) -> None:
    """Run a case; whatever it raises is a finding, for nothing but refusals may come out of the product."""
    case = Case(desk, seed, number)
    if show:
        print(case.text, encode_yaml({"kind": case.boot.kind.kind, **case.boot.body}), sep="\n---\n")
    try:
        tally.add(await case.run())
    except Finding as finding:
        tally.find(str(finding), number)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        tally.find(f"{type(error).__name__} at {last.name}: {str(error)[:300]}", number)
        if show:
            traceback.print_exc()
