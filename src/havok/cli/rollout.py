"""A roll-out that failed, as an error of the CLI; what it means is said by `havok.boots.health_words`."""

from havok.boots.health_words import remedy, words
from havok.boots.note import Note
from havok.cli.condition_words import in_language
from havok.errors import UnhealthyError
from havok.text import say


class RolloutError(UnhealthyError):
    """A roll-out that failed: the note that says why, in either language, and the app's last words."""

    def __init__(self, boot: str, note: Note, *, log: tuple[str, ...] = (), good: int = 0) -> None:
        self.boot, self.note, self.log, self.good = boot, note, log, good
        message, hint = self.in_language("en")
        pod = str(note.values.get("pod", ""))
        super().__init__(f"deploy.{note.key}", message, hint, boot=boot, pod=pod, log=list(log))

    def in_language(self, lang: str) -> tuple[str, str]:
        """(sentence, hint) for a person."""
        reason = in_language(words(self.note, "en"), lang) if self.note.key == "condition" else None
        reason = reason or words(self.note, lang)
        sentence = say("cli.rollout.failed", lang, boot=self.boot, reason=reason)
        name = self.boot.rpartition("/")[2]
        hint = remedy(self.note, name, lang)
        if self.good:
            back = say("cli.rollout.last_good", lang, boot=name, revision=self.good)
            hint = f"{hint}\n{back}"
        return sentence, hint
