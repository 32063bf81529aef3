"""The one error tree.

    HavokError                    exit 1   anything that failed
    ├── UsageError                exit 2   the request itself is wrong: flag, field, file, setting
    ├── NotFoundError             exit 3
    ├── ForbiddenError            exit 4   not signed in, or not allowed
    ├── ConflictError             exit 5   somebody else was first, or it exists already
    ├── TimedOutError             exit 6
    └── UnhealthyError            exit 7   it was deployed, and it does not run

Every error has a stable `code` (``cluster.port.taken``) that is the same in the API, in the CLI, in logs
and in docs/reference/errors.md. `message` is the English sentence with the cause, `hint` the next step;
`context` holds the values both speak of, so that `havok.text` can say the same in another language.
Errors of other libraries are wrapped where they enter (``raise … from error``), never passed on.
"""

from typing import ClassVar


class HavokError(Exception):
    """Something failed, and we can say what, why and what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, hint: str = "", **context: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.context = context

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class UsageError(HavokError):
    """The request is wrong in itself; asking again unchanged will fail again."""

    exit_code = 2


class NotFoundError(HavokError):
    """What was named does not exist."""

    exit_code = 3


class ForbiddenError(HavokError):
    """The caller is unknown, or known and not allowed."""

    exit_code = 4


class ConflictError(HavokError):
    """The state changed under the request, or the thing exists already."""

    exit_code = 5


class TimedOutError(HavokError):
    """It did not happen in the time allowed; it may still happen."""

    exit_code = 6


class UnhealthyError(HavokError):
    """The change was made, and the app does not run."""

    exit_code = 7
