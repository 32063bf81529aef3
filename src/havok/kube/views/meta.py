"""What every object has."""

import msgspec


class View(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What all views share: frozen, camelCase on the wire, outside the garbage collector's walk."""


class OwnerReference(View, frozen=True):
    """Whose object this is; garbage-collected with it."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class ObjectMeta(View, frozen=True):
    """metav1.ObjectMeta without managedFields; times are RFC 3339 texts."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    def label(self, key: str, default: str = "") -> str:
        """The value of a label, or `default`."""
        return self.labels.get(key, default)

    def annotation(self, key: str, default: str = "") -> str:
        """The value of an annotation, or `default`."""
        return self.annotations.get(key, default)

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object, if any."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class PartialObject(View, frozen=True):
    """Any kind, metadata alone."""

    metadata: ObjectMeta = ObjectMeta()


class ObjectReference(View, frozen=True):
    """One object, named completely; what an Event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class Condition(View, frozen=True):
    """A condition of any kind's status."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    observed_generation: int = 0
