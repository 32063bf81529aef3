"""One case of the soak: a config and a Boot, and everything that must hold of them.

A config is accepted, or refused with its line, a reason and a next step. A Boot is refused with its field, a
reason and a next step, or becomes objects that the API server accepts and that do not drift from what it
made of them. Anything else is a `Finding`.
"""

import re
from random import Random
from typing import Final

import msgspec

from havok.boots import config, defaults, status
from havok.boots.config import Defaults, Platform
from havok.boots.config_text import ConfigError
from havok.boots.mutation import changes
from havok.boots.names import PROFILE, BootKey
from havok.boots.pin import Pin, deploying_hash
from havok.boots.render import App, Objects, render
from havok.boots.rules import WHOLE_SENTENCES
from havok.codec import Json, encode_json
from havok.crds import Boot as Stored
from havok.crds import BootSpec
from havok.kube import Denied, Invalid, KubeError
from havok.kube.resources import CONFIGMAPS, DEPLOYMENTS, HPAS, INGRESSES, SERVICES, STATEFULSETS
from soak import random_boots, random_configs
from soak.desk import ENVIRONMENTS, SPACES, Desk
from soak.drifting import drifted
from soak.random_boots import Boot

RESOURCES: Final = {one.kind: one for one in (DEPLOYMENTS, STATEFULSETS, SERVICES, HPAS, INGRESSES)}
TO_SERVER: Final = 0.33
"""The share of Boots under an accepted config that are sent to the API server."""
CONFIG_TO_SERVER: Final = 0.1
FIELD: Final = re.compile(r"\b(spec|metadata)(\.|\[|:)|\.spec\.|required|unknown field|\"")


class Finding(Exception):  # noqa: N818
    """Something that the contract does not allow."""


class Outcome(msgspec.Struct):
    """What became of a case."""

    kind: str = ""
    """Its class, like ``refused boots.refused.priority.absent``."""
    config: str = ""
    """What became of its config: ``accepted``, ``warned``, or the code of the refusal."""
    reached: bool = False
    """Whether the API server was asked."""


class Case:
    """`run` it; the same seed and number are the same case."""

    def __init__(self, desk: Desk, seed: int, number: int) -> None:
        self._desk = desk
        self.number = number
        self.outcome = Outcome()
        self._chance = Random(f"{seed}:{number}")  # noqa: S311 - it must be the same again
        self._environment = self._chance.choice(ENVIRONMENTS)
        self.text = random_configs.make(self._chance)
        self.boot = random_boots.make(self._chance, number)
        self._key = BootKey(self.boot.kind, SPACES[self._environment], self.boot.name)

    async def run(self) -> Outcome:
        """Raises Finding, or whatever else the product let through."""
        platform = await self._config()
        outside = platform is not None and self._chance.random() >= TO_SERVER
        if outside or (platform is None and self._chance.random() < 0.85):
            self.outcome.kind = self._alone(platform)
            return self.outcome
        self.outcome.reached = True
        with self._desk.case(self.number, self._environment, platform):
            self.outcome.kind = await self._ask(platform)
        return self.outcome

    async def _config(self) -> Platform | None:
        """The platform; None when the text is refused, as it must be."""
        try:
            platform = config.parse(self.text, self._environment)
        except ConfigError as error:
            _check_config_error(error, self.text)
            self.outcome.config = error.code
            await self._offer(error)
            return None
        if self._chance.random() < 0.1:
            _require(config.parse(self.text, self._environment) == platform, "a config read twice differs")
        _require(all(one.line >= 1 and one.cause for one in platform.findings), "a warning says no line")
        self.outcome.config = "warned" if platform.findings else "accepted"
        await self._offer(None)
        return platform

    async def _offer(self, refused: ConfigError | None) -> None:
        """Now and then, put the text where the webhook of the central config sees it."""
        if self._chance.random() >= CONFIG_TO_SERVER:
            return
        self.outcome.reached = True
        body = {"metadata": {"name": "logan-app-operator-config"}, "data": {config.KEY: self.text}}
        try:
            await self._desk.cluster.client.create(CONFIGMAPS, body, SPACES["test"], dry_run=True)
        except Denied as error:
            _require(refused is not None, f"the webhook refused a good config: {error.message}")
            assert refused is not None
            _require(refused.message in error.message, f"other words than the parser's: {error.message}")
        else:
            _require(refused is None, "the webhook let a broken config pass")

    def _alone(self, platform: Platform | None) -> str:
        """The pure core, without a server."""
        if platform is None:
            return "config refused"
        try:
            spec = msgspec.convert(self.boot.body["spec"], BootSpec)
        except msgspec.ValidationError:
            return "not a Boot, left to the schema"
        annotations = self.boot.body["metadata"]["annotations"]
        block = platform.defaults(self.boot.kind, annotations.get(PROFILE, ""))
        before = encode_json((spec, block))
        filled = self._fill(spec, annotations, block)
        again = self._fill(filled.spec, annotations | filled.annotations, block)
        _require((again.spec, again.annotations) == (filled.spec, {}), "filling twice is not filling once")
        decoded = msgspec.json.decode(encode_json(filled.spec), type=BootSpec)
        _require(decoded == filled.spec, "a spec is another after encoding and decoding")
        self._render(filled.spec, block, "soak-uid")
        _require(encode_json((spec, block)) == before, "filling and rendering changed what they were given")
        return "rendered without a server"

    def _fill(self, spec: BootSpec, annotations: dict[str, str], block: Defaults) -> defaults.Filled:
        return defaults.fill(
            spec, annotations, name=self.boot.name, defaults=block, environment=self._environment
        )

    def _render(self, spec: BootSpec, block: Defaults, uid: str) -> Objects:
        app = App(key=self._key, uid=uid, spec=spec)
        before = encode_json((app.spec, block))
        objects = render(app, block, self._environment)
        _require(render(app, block, self._environment) == objects, "two renders differ")
        _require(encode_json((app.spec, block)) == before, "rendering changed what it was given")
        for one in _objects(objects):
            _require(not drifted(one, one), f"{one['kind']} drifts from itself: {drifted(one, one)}")
        return objects

    async def _ask(self, platform: Platform | None) -> str:
        try:
            stored = await self._send(self.boot)
        except KubeError as error:
            return _check_refusal(error)
        try:
            boot = msgspec.convert(stored, Stored)
        except msgspec.ValidationError as error:
            raise Finding(f"the API server took what we cannot read: {error}") from error
        if platform is None:
            return "accepted without a config"
        profile = boot.metadata.annotation(PROFILE)
        block = platform.defaults(self.boot.kind, profile)
        filled = self._fill(boot.spec, boot.metadata.annotations or {}, block)
        odd = changes(boot.spec, filled.spec) or filled.annotations
        _require(not odd, f"the reconciler would fill what the webhook filled: {odd}")
        objects = self._render(boot.spec, block, boot.metadata.uid)
        pin = Pin(platform.digest, deploying_hash(boot.spec, profile))
        told = await self._apply([pin.put_on(objects.workload), *_objects(objects)[1:]])
        if told:
            await self._blame(boot, error=told)
            return "told in a condition: the config's"
        return "accepted"

    async def _blame(self, boot: Stored, error: Invalid) -> None:
        """What the API server refused is the config's; the Boot alone must have been refused earlier."""
        problem = status.by_cluster(error)
        field = re.search(r"\b(spec|metadata)\.[a-zA-Z.]+", problem.message)
        _require(field is not None and bool(error.hint), f"the condition names no field: {problem.message}")
        plain = self._render(boot.spec, Defaults(), boot.metadata.uid)
        _require(await self._apply(_objects(plain)) is None, f"by the Boot alone: {error.message[:400]}")

    async def _send(self, boot: Boot) -> Json:
        client, resource = self._desk.cluster.client, boot.kind.resource
        if boot.changes:
            return await client.patch(
                resource, boot.name, self._key.namespace, body=boot.body, field_manager="person", dry_run=True
            )
        return await client.create(
            resource, boot.body, self._key.namespace, field_manager="person", dry_run=True
        )

    async def _apply(self, objects: list[Json]) -> Invalid | None:
        """Every object as the operator would write it, with its own rights; the first refusal."""
        refused: Invalid | None = None
        for one in objects:
            try:
                live = await self._desk.cluster.operator.apply(
                    RESOURCES[one["kind"]], one, field_manager="havok-boots", dry_run=True
                )
            except Invalid as error:
                refused = refused or error
                continue
            odd = drifted(one, live)
            _require(not odd, f"{one['kind']} drifts from what the API server made of it: {odd}")
        return refused


def _objects(objects: Objects) -> list[Json]:
    beside = [one for one in (objects.autoscaler, objects.ingress) if one is not None]
    return [objects.workload, *objects.services, *beside]


def _check_config_error(error: ConfigError, text: str) -> None:
    _require(1 <= error.line <= text.count("\n") + 2, f"line {error.line} is not in the text")
    _require(bool(error.cause and error.hint), f"{error.code} lacks a cause or a next step")


def _check_refusal(error: KubeError) -> str:
    """The class of a refusal; ours say field, reason and remedy, those of the schema at least the field."""
    if isinstance(error, Denied):
        _require(error.code.startswith("boots.refused."), f"a refusal without a code: {error.message}")
        _require(bool(error.context.get("field")), f"{error.code} names no field: {error.message}")
        told = error.code in WHOLE_SENTENCES or "; " in error.message
        _require(told, f"{error.code} tells no next step: {error.message}")
        return f"refused {error.code}"
    _require(isinstance(error, Invalid) or error.status == 409, f"{error.status} {error.message[:300]}")
    causes = error.details.causes if error.details else None
    named = [one.field for one in causes or () if one.field not in ("", "<nil>")] or FIELD.findall(
        error.message
    )
    _require(bool(named), f"the refusal names no field: {error.message[:300]}")
    if error.status != 422:
        return f"refused by the API server, {error.status}"
    field = re.sub(r"\[[^]]*\]", "", str(named[0]) if causes else "?")
    return f"refused by the schema, {'.'.join(field.split('.')[:2])}"


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise Finding(words)
