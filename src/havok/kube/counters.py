"""What a reflector lived through; read by metrics and by people who look for a cause."""


class Counters:
    """All since the start."""

    __slots__ = (
        "contradictions", "errors", "events", "gone", "refused", "relists", "rewound", "silent", "streams",
        "undecodable", "vanished",
    )  # fmt: skip

    def __init__(self) -> None:
        self.events = 0
        self.relists = 0
        """Whole states that were taken."""
        self.streams = 0
        self.gone = 0
        self.silent = 0
        self.errors = 0
        self.undecodable = 0
        self.refused = 0
        """Whole states that were older than what was known."""
        self.rewound = 0
        """Times that the server's history really went back."""
        self.contradictions = 0
        """Events that were not newer than what the same server had said."""
        self.vanished = 0
        """Times that the kind itself went away."""
