"""A line that is too long for the terminal keeps its end, where the news are."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from havok.cli.console import fit


def test_the_middle_goes_and_the_end_stays() -> None:
    line = fit("javaboot/demo: 0 of 1 pods ready; pod demo-9f475f575-45ggs: pulling image, 43 s", 60)
    assert line.startswith("javaboot/demo: 0 of")
    assert "…" in line
    assert line.endswith("pulling image, 43 s")


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Mn", "Me", "Cf"))), st.integers(8, 200))
def test_it_never_takes_more_columns_than_there_are(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) <= width
