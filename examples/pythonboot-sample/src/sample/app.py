"""Who is answering: what the image and the platform told this process through its environment."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class App:
    """One running copy of the service."""

    name: str
    version: str
    pod: str
    environment: str

    @classmethod
    def from_environment(cls, values: Mapping[str, str]) -> "App":
        """Read once, at start."""
        return cls(
            name=values.get("APP_NAME", "pythonboot-sample"),
            version=values.get("APP_VERSION", "dev"),
            pod=values.get("HOSTNAME", "this machine"),
            environment=values.get("APP_ENV", "none"),
        )

    @property
    def facts(self) -> dict[str, str]:
        """What the front page tells."""
        return {
            "app": self.name,
            "version": self.version,
            "pod": self.pod,
            "env": self.environment,
            "runtime": f"Python {platform.python_version()}",
        }
