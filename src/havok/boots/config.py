"""The central config: the platform's defaults for each kind of Boot and for each named profile.

`parse` reads the text of the ConfigMap key `config.yaml` for one environment (contract section 2). A
`Platform` never changes; a new text is a new one with another `digest`, so whoever holds one renders the
same objects from it for ever. Nothing here reads files or clusters.
"""

import hashlib
from typing import Any, Final, TypeVar

import msgspec

from havok.boots.merge import by_name, override
from havok.boots.names import APP_CONTAINER
from havok.boots.shape import MismatchError, conform
from havok.codec import Json, decode_json, decode_yaml
from havok.crds import BOOT_KINDS, BootKind
from havok.crds.spec import EnvVar, ResourceRequirements
from havok.crds.wire import Wire
from havok.errors import UsageError

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
    pod_spec: Json | None = None
    container: Json | None = None
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
    side_car_containers: tuple[Json, ...] = ()
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


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """A central config as one environment sees it."""

    digest: str
    """Ten hexadecimal digits of the text's SHA-256; empty for the built-in defaults."""
    environment: str
    blocks: dict[str, Defaults]
    warnings: tuple[str, ...] = ()

    def defaults(self, kind: BootKind, profile: str = "") -> Defaults:
        """The block of a profile; that of the kind when the profile names none (contract 2.5)."""
        name = profile if profile in self.profiles else kind.boot_type
        return self.blocks.get(name, Defaults())

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

    Raises UsageError: `boots.config.empty`, `boots.config.mismatch` with the path, or what `havok.codec`
    says of broken JSON (when the text starts with a brace) or YAML.
    """
    warnings: list[str] = []
    blocks: dict[str, Defaults] = {}
    for name, raw in _document(text).items():
        unknown: list[str] = []
        shaped = conform({} if raw is None else raw, Block, str(name), unknown)
        warnings += [f"central config: {path} is not known and has no effect" for path in unknown]
        if shaped.get("sidecarServices"):
            warnings.append(f"central config: {name}.sidecarServices has no effect")
        blocks[str(name)] = _work_out(str(name), shaped, environment, warnings)
    return Platform(digest=digest_of(text), environment=environment, blocks=blocks, warnings=tuple(warnings))


def _document(text: str) -> Json:
    if not text.strip():
        raise UsageError("boots.config.empty", "the central config is empty", f"write blocks under {KEY}")
    if text.lstrip().startswith("{"):
        document = decode_json(text)
    else:
        document = next(iter(decode_yaml(text, source="the central config")), {})
    if not isinstance(document, dict):
        raise MismatchError("", "a map of blocks", document)
    return document


def _work_out(name: str, block: Json, environment: str, warnings: list[str]) -> Defaults:
    _check_containers(name, block)
    own = _own(block, APP_CONTAINER, environment)
    base = block.get("app") or {}
    app = override(base, own)
    settings = _settings(own, block, base)
    registry = settings.get("registry", "")
    container, pod = app.get("container") or {}, app.get("podSpec") or {}
    if pod.pop("containers", None):
        warnings.append(f"central config: {name}.app.podSpec.containers has no effect; use sideCarContainers")
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
    """Field by field, the environment's before the block's before the app's; an explicit false counts."""
    merged: Json = {}
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
    apps = {f"{name}.app": block.get("app") or {}}
    for environment, app in ((block.get("oEnvs") or {}).get(APP_CONTAINER) or {}).items():
        apps[f"{name}.oEnvs.{APP_CONTAINER}.{environment}"] = app
    lists = {
        f"{path}.podSpec.initContainers": (app.get("podSpec") or {}).get("initContainers")
        for path, app in apps.items()
    }
    lists[f"{name}.sideCarContainers"] = block.get("sideCarContainers")
    for path, containers in lists.items():
        if containers is not None and not isinstance(containers, list):
            raise MismatchError(path, "a list", containers)
        for at, container in enumerate(containers or ()):
            if not isinstance(container, dict):
                raise MismatchError(f"{path}[{at}]", "a map", container)
            if not isinstance(container.get("name"), str):
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
