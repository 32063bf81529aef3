"""What the API server refuses by our schema and its rules, in the person's language, field by field."""

from havok.cli.condition_words import in_language
from havok.errors import HavokError
from havok.kube.errors import Invalid
from havok.text import say


def refusal(error: HavokError, lang: str) -> str:
    """The sentence in `lang`; empty where it names no field, or where English is asked for."""
    details = error.details if isinstance(error, Invalid) and error.code == "kube.invalid" else None
    causes = [one for one in (details.causes if details else None) or () if one.field]
    if lang == "en" or details is None or not causes:
        return ""
    said = [f"{one.field}: {in_language(one.message, lang)}" for one in causes]
    return say("boots.schema.head", lang, kind=details.kind, name=details.name, causes="; ".join(said))
