"""One Boot, ready to be rendered."""

import msgspec

from havok.boots.live import Port
from havok.boots.names import BootKey
from havok.codec import Json
from havok.crds import BootSpec


class App(msgspec.Struct, frozen=True, kw_only=True):
    """A Boot whose `spec` has been filled, and what of the living objects its render depends on."""

    key: BootKey
    uid: str
    spec: BootSpec
    restarted_at: str = ""
    """The last restart that was asked for; it stays in the pods when the Boot forgets it (contract 3.12)."""
    external_port: int = 0
    """The node port that the external Service was given; 0 while it has none."""
    governing: str = ""
    """The Service that a living StatefulSet names; it cannot be changed. Empty: there is none yet."""
    sidecar_ports: tuple[Port, ...] | None = None
    """Ports of the living containers beside the app's own; None: those of the render (contract 3.8)."""

    @property
    def headless(self) -> str:
        """The Service that gives the pods of a StatefulSet names of their own."""
        return f"{self.key.name}-headless"

    def metadata(self, name: str, labels: dict[str, str] | None = None) -> Json:
        """Metadata of an object of this app."""
        found: Json = {
            "name": name,
            "namespace": self.key.namespace,
            "ownerReferences": [self.key.owner_reference(self.uid)],
        }
        return {**found, "labels": labels} if labels else found
