"""The central config: the platform's defaults for each kind of Boot and for each named profile.

`parse` reads the text of the ConfigMap key `config.yaml` for one environment (contract section 2); whatever
the text is, it gives a `Platform` or raises `ConfigError` with the line. A `Platform` never changes; a new
text is a new one with another `digest`, so whoever holds one renders the same objects from it for ever.
Nothing here reads files or clusters.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from havok.boots.config_findings import apps_of, without_effect
from havok.boots.config_text import Document, read
from havok.boots.merge import by_name, override
from havok.boots.names import APP_CONTAINER, PROFILE
from havok.boots.shape import SHAPE, WHOLE, Conform, MismatchError
from havok.codec import Json
from havok.crds import BOOT_KINDS, BootKind
from havok.crds.spec import EnvVar, ResourceRequirements
from havok.crds.wire import Wire, schema

T = TypeVar("T")

KEY: Final = "config.yaml"
"""The key of the ConfigMap that holds the text."""
TYPES: Final = tuple(kind.boot_type for kind in BOOT_KINDS)


class SettingsBlock(Wire, frozen=True, kw_only=True):
    """How images are found and apps are watched."""

    registry: str = ""
    app_health_port: int = 0
    prometheus_scrape: bool | None = None


class IngressBlock(Wire, frozen=True, kw_only=True):
    """An address from outside the cluster for each app (not in the contract: it is Havok's own switch)."""

    host: str = ""
    """The host name; ${APP} and ${ENV} are replaced. Empty: no Ingress."""
    class_name: str = ""
    """The IngressClass; the cluster's default when empty."""
    path: str = ""
    """The prefix that is led to the app; / when empty."""
    tls: str = ""
    """The name of the TLS Secret in the app's namespace, ${APP} and ${ENV} replaced; empty: plain HTTP."""
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    """What the ingress controller is told."""


class AppBlock(Wire, frozen=True, kw_only=True):
    """Defaults of an app: the contract's AppSpec."""

    type: str = ""
    port: int = 0
    replicas: int = 0
    health: str = ""
    env: tuple[EnvVar, ...] = ()
    resources: ResourceRequirements | None = None
    node_selector: dict[str, str] = msgspec.field(default_factory=dict)
    sub_domain: str = ""
    pod_spec: Annotated[Json, schema(**{SHAPE: "PodSpec"})] | None = None
    container: Annotated[Json, schema(**{SHAPE: "Container"})] | None = None
    settings: SettingsBlock | None = None
    node_port: bool | None = None
    """Whether every app has a port on the nodes in environment dev, unless its Boot says "false"."""
    ingress: IngressBlock | None = None


class ServiceBlock(Wire, frozen=True, kw_only=True):
    """Parsed for the sake of old files; it has no effect."""

    name: str = ""
    port: int = 0


class Block(Wire, frozen=True, kw_only=True):
    """Everything about one type or one profile, as it is written."""

    settings: SettingsBlock | None = None
    o_envs: dict[str, dict[str, AppBlock]] | None = None
    app: AppBlock | None = None
    side_car_containers: tuple[Annotated[Json, schema(**{SHAPE: "Container", WHOLE: True})], ...] = ()
    sidecar_services: tuple[ServiceBlock, ...] = ()


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """One block worked out for one environment: nothing is left open."""

    port: int = 8080
    replicas: int = 1
    health: str = "/health"
    sub_domain: str = ""
    env: tuple[EnvVar, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    node_selector: dict[str, str] = msgspec.field(default_factory=dict)
    pod_spec: Json = msgspec.field(default_factory=dict)
    """Fields of the pod that are laid over the rendered ones."""
    container: Json = msgspec.field(default_factory=dict)
    """Fields of the app container that the Boot leaves open."""
    sidecars: tuple[Json, ...] = ()
    registry: str = ""
    health_port: int = 0
    """The probes' port; 0: the app's own."""
    scrape: bool = True
    node_port: bool = False
    """Whether apps that leave it open get a port on every node, in environment dev."""
    ingress: IngressBlock = IngressBlock()


class Finding(msgspec.Struct, frozen=True):
    """Something in a text that has no effect, or not the one that was meant."""

    block: str
    """The type or profile it stands in."""
    line: int
    cause: str

    def __str__(self) -> str:
        return f"central config, line {self.line}: {self.cause}"


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """A central config as one environment sees it."""

    digest: str
    """Ten hexadecimal digits of the text's SHA-256; empty for the built-in defaults."""
    environment: str
    blocks: dict[str, Defaults]
    findings: tuple[Finding, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The findings as sentences."""
        return tuple(str(finding) for finding in self.findings)

    def defaults(self, kind: BootKind, profile: str = "") -> Defaults:
        """The block of a profile; that of the kind when the profile names none (contract 2.5)."""
        return self.blocks.get(self.block_name(kind, profile), Defaults())

    def block_name(self, kind: BootKind, profile: str = "") -> str:
        """The key of that block."""
        return profile if profile in self.profiles else kind.boot_type

    @property
    def profiles(self) -> frozenset[str]:
        """Names that the annotation `logan/profile` may have."""
        return frozenset(self.blocks) - frozenset(TYPES)


def built_in(environment: str) -> Platform:
    """The platform without a central config."""
    return Platform(digest="", environment=environment, blocks={})


def digest_of(text: str) -> str:
    """The version of a config text."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def parse(text: str, environment: str) -> Platform:
    """The platform that `text` describes.

    Raises ConfigError, whatever the text is: `boots.config.empty`, `boots.config.syntax` or
    `boots.config.mismatch`, each with the line.
    """
    document = read(text)
    findings = [
        Finding(path.partition(".")[0], document.line_of(path), f"{path} is given twice; the last one holds")
        for path in document.doubled
    ]
    try:
        blocks = _blocks(document, environment, findings)
    except MismatchError as error:
        raise error.at(document.line_of(error.path)) from error
    findings.sort(key=lambda one: one.line)
    return Platform(digest=digest_of(text), environment=environment, blocks=blocks, findings=tuple(findings))


def warnings(kind: BootKind, annotations: Mapping[str, str], platform: Platform) -> tuple[str, ...]:
    """What a Boot of this kind, with these annotations, should be told of its config: an unknown profile,
    and what has no effect in the block that it takes its defaults from.
    """
    profile = annotations.get(PROFILE, "")
    told = []
    if profile and profile not in platform.profiles:
        told.append(f"profile {profile} is not in the central config; the defaults of {kind.boot_type} hold")
    block = platform.block_name(kind, profile)
    return (*told, *(str(finding) for finding in platform.findings if finding.block == block))


def _blocks(document: Document, environment: str, findings: list[Finding]) -> dict[str, Defaults]:
    if not isinstance(document.value, dict):
        raise MismatchError("", "a map of blocks", document.value)
    blocks: dict[str, Defaults] = {}
    for name, raw in document.value.items():
        conform = Conform(strict=document.is_json)
        shaped = conform.struct({} if raw is None else raw, Block, name)
        odd = [(path, f"{path} is not known and has no effect") for path in conform.unknown]
        odd += [(path, f"{path} is missing; the cluster will refuse the pods") for path in conform.missing]
        odd += without_effect(name, shaped)
        findings += [Finding(name, document.line_of(path), cause) for path, cause in odd]
        blocks[name] = _work_out(name, shaped, environment)
    return blocks


def _work_out(name: str, block: Json, environment: str) -> Defaults:
    _check_containers(name, block)
    own = _own(block, APP_CONTAINER, environment)
    base = block.get("app") or {}
    app = override(base, own)
    settings = _settings(own, block, base)
    registry = settings.get("registry", "")
    container, pod = app.get("container") or {}, app.get("podSpec") or {}
    pod.pop("containers", None)
    if pod.get("initContainers"):
        pod["initContainers"] = [
            _injected(one, registry, block, environment) for one in pod["initContainers"]
        ]
    sidecars = [_injected(one, registry, block, environment) for one in block.get("sideCarContainers") or ()]
    return Defaults(
        port=app["port"] if app.get("port", 0) > 0 else 8080,
        replicas=app["replicas"] if app.get("replicas", 0) > 0 else 1,
        health=app.get("health") or "/health",
        sub_domain=app.get("subDomain", ""),
        env=_typed(by_name(container.pop("env", []), app.get("env", [])), tuple[EnvVar, ...], name),
        resources=_typed(
            override(container.pop("resources", {}), app.get("resources", {})), ResourceRequirements, name
        ),
        node_selector=override(pod.pop("nodeSelector", {}), app.get("nodeSelector", {})),
        pod_spec=pod,
        container=container,
        sidecars=tuple(sidecars),
        registry=registry,
        health_port=max(0, settings.get("appHealthPort", 0)),
        scrape=settings.get("prometheusScrape", True),
        node_port=bool(_said(own, base, "nodePort")),
        ingress=_typed(app.get("ingress") or {}, IngressBlock, name),
    )


def _own(block: Json, target: str, environment: str) -> Json:
    """What `oEnvs` says of one target in one environment."""
    found: Json = (block.get("oEnvs") or {}).get(target, {}).get(environment) or {}
    return found


def _said(own: Json, base: Json, field: str) -> Any:
    """A switch as the environment says it, else as the app does; an explicit false counts."""
    return own[field] if own.get(field) is not None else base.get(field)


def _settings(own: Json, block: Json, base: Json) -> Json:
    """Field by field, the environment's before the block's before the app's; an explicit false counts.

    But in a block without settings the environment's are laid over the app's like everything else of it, so
    that an explicit false does not win there (contract 2.3, step 3).
    """
    if block.get("settings") is None:
        merged: Json = override(base.get("settings") or {}, own.get("settings") or {})
        return merged
    merged = {}
    for layer in (base, block, own):
        given = (layer.get("settings") or {}).items()
        merged |= {key: value for key, value in given if value not in ("", 0) or value is False}
    return merged


def _typed(value: Any, kind: type[T], name: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise MismatchError(f"{name}.app.container", f"a container ({error})", value) from error


def _check_containers(name: str, block: Json) -> None:
    lists = {
        f"{path}.podSpec.initContainers": (app.get("podSpec") or {}).get("initContainers")
        for path, app in apps_of(name, block).items()
    }
    lists[f"{name}.sideCarContainers"] = block.get("sideCarContainers")
    for path, containers in lists.items():
        for at, container in enumerate(containers or ()):
            if not container.get("name"):
                raise MismatchError(f"{path}[{at}].name", "a text", container.get("name"))


def _injected(container: Json, registry: str, block: Json, environment: str) -> Json:
    """A sidecar or init container; an environment may change its env alone (contract 2.3, step 4)."""
    found: Json = override(container, {})
    if registry and isinstance(found.get("image"), str):
        found["image"] = found["image"].replace("${REGISTRY}", registry)
    own = _own(block, container["name"], environment)
    if own.get("env"):
        found["env"] = by_name(found.get("env") or [], own["env"])
    return found
