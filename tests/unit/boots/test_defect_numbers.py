"""Each defect of the Go operator that contract 8.1 lists has a test that is found by its number."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
NAMED = re.compile(r"^(?:async )?def test_defect_((?:\d+_(?:and_)?)+)", re.MULTILINE)


def test_each_defect_has_a_test_of_its_number() -> None:
    names = [name for file in TESTS.rglob("boots/test_*.py") for name in NAMED.findall(file.read_text())]
    numbers = {int(number) for name in names for number in re.findall(r"\d+", name)}
    assert numbers == set(range(1, 25))
