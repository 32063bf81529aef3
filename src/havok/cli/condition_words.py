"""Conditions of a Boot in the person's language.

A condition on the cluster is an English sentence, since whoever reads it there speaks any language. Each
sentence is one of our texts with its values filled in; so it is recognised by the English text and said again
by the other. What the schema of our kinds refuses is said in the same way. Values that are sentences
themselves are said again too. What is no text of ours, as the words of Kubernetes, stays as it is.
"""

import re
import string
from collections.abc import Collection, Iterator
from functools import cache
from typing import Final

from havok.boots.rules import WHOLE_SENTENCES
from havok.cli import catalogue
from havok.text import catalogue as texts

FIELD: Final = re.compile(r"\b(?:spec|metadata)(?:\.\w+|\[\d+\])+")
_VALUE: Final = re.compile(r"\{[^}]*\}")
Pair = tuple[re.Pattern[str], str]
"""What recognises an English text, and the template that says it in the other language."""


def in_language(sentence: str, lang: str) -> str:
    """The sentence in `lang`; unchanged where it is no text of ours."""
    if lang == "en" or not sentence:
        return sentence
    for pairs in (_spoken, _refusals):
        for pattern, template in pairs(lang):
            if found := pattern.fullmatch(sentence):
                values = {name: in_language(value or "", lang) for name, value in found.groupdict().items()}
                named = FIELD.search(sentence)
                values.setdefault("field", named[0] if named else "")
                try:
                    return template.format(**values)
                except KeyError:
                    continue
    return sentence


@cache
def _spoken(lang: str) -> list[Pair]:
    """Texts that stand in both languages: of conditions, and of what is wrong with pods with its remedy."""
    sections = ("condition", "schema")
    found = [pair for section in sections for _, pair in _both("boots", section, lang)]
    rollout, failure = _both("cli", "rollout", lang), dict(_both("cli", "failure", lang))
    back = dict(rollout)["last_good"]
    for key, (english, other) in rollout:
        remedies = (failure[key], back) if key in failure else ()
        found += [(f"{english}; {remedy}", f"{other}；{said}") for remedy, said in remedies]
        found.append((english, other))
    return _recognisers(found)


def _both(domain: str, section: str, lang: str) -> list[tuple[str, tuple[str, str]]]:
    """(key, (English, other)) of one section and of the sections in it."""
    english, other = (texts(domain, one).get(section, {}) for one in ("en", lang))
    found = [(key, (words, other[key])) for key, words in english.items() if isinstance(words, str)]
    inner = [key for key, words in english.items() if isinstance(words, dict)]
    return found + [pair for key in inner for pair in _both_in(english[key], other[key])]


def _both_in(english: dict[str, str], other: dict[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    yield from ((key, (words, other[key])) for key, words in english.items())


@cache
def _refusals(lang: str) -> list[Pair]:
    """Refusals, whose English stands where they are made, with their next step."""
    found = []
    for code, page in catalogue.pages().items():
        if code.startswith("boots.refused.") and page.message:
            message, hint = catalogue.translated(page, lang)
            found.append((page.message, message))
            if code not in WHOLE_SENTENCES:
                found.append((f"{page.message}; {page.hint}", f"{message}；{hint}"))
                found.append((f"{page.message}; {{rest}}", f"{message}；{hint}"))
    return _recognisers(found)


def _recognisers(pairs: Collection[tuple[str, str]]) -> list[Pair]:
    """Those that say most themselves come first; a text that is only a value says nothing."""
    own = {english: len(_VALUE.sub("", english)) for english, _ in pairs}
    kept = [pair for pair in pairs if re.search(r"\w", _VALUE.sub("", pair[0]))]
    kept.sort(key=lambda pair: -own[pair[0]])
    return [(_pattern(english), other) for english, other in kept]


def _pattern(template: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for words, name, _, _ in string.Formatter().parse(template):
        parts.append(re.escape(words))
        if name is not None:
            named = name.isidentifier() and name not in seen
            parts.append(f"(?P<{name}>.*?)" if named else f"(?P={name})" if name in seen else ".*?")
            seen |= {name} if named else set()
    return re.compile("".join(parts), re.S)
