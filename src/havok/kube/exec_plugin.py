"""Running a kubeconfig's exec plugin and reading the ExecCredential it prints.

Protocol: client.authentication.k8s.io v1 and v1beta1 (KEP-541). What a plugin prints on standard error goes
to the person's terminal where there is one, since that is where it asks; otherwise its last lines go into the
error. What it prints on standard output is a secret and goes nowhere.
"""

import asyncio
import os
import sys
from typing import Any, Final

import msgspec

from havok.clock import parse_rfc3339
from havok.codec import decode_go_yaml
from havok.errors import HavokError
from havok.kube.access import Access, ExecPlugin
from havok.kube.errors import KubeError
from havok.kube.tls import read_pem

TIMEOUT: Final = 60.0
"""Seconds a plugin without a terminal may take; with one a person may be typing, so it has five minutes."""


class PluginOutput(msgspec.Struct, frozen=True):
    """What a plugin gave; `expires` in seconds since the epoch, 0: never."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    expires: float = 0.0

    def __repr__(self) -> str:
        return f"PluginOutput(expires={self.expires})"


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str | None = None


class _Credential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


async def run_plugin(plugin: ExecPlugin, access: Access) -> PluginOutput:
    """Run it, read its answer. Raises KubeError `kube.plugin.missing`, `.failed`, `.answer`, `.terminal`."""
    terminal = sys.stdin.isatty() if sys.stdin else False
    if plugin.interactive_mode == "Always" and not terminal:
        what = f"{plugin.command} needs a terminal, and there is none"
        raise _error("kube.plugin.terminal", what, "run this in a terminal", plugin)
    interactive = terminal and plugin.interactive_mode != "Never"
    environment = {**os.environ, **plugin.env, "KUBERNETES_EXEC_INFO": _info(plugin, access, interactive)}
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command, *plugin.args, env=environment, stdout=asyncio.subprocess.PIPE,
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stderr=None if interactive else asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        hint = plugin.install_hint or f"install {plugin.command}, or check that it is on PATH"
        reason = error.strerror or str(error)
        what = f"{plugin.command} cannot be started: {reason}"
        raise _error("kube.plugin.missing", what, hint, plugin) from error
    out, err = await _communicate(process, plugin, 300.0 if interactive else TIMEOUT)
    if process.returncode:
        words = " ".join((err or b"").decode("utf-8", "replace").split())[-300:]
        last = "".join(one for one in words if one.isprintable())
        what = f"{plugin.command} failed with exit code {process.returncode}" + (f": {last}" if last else "")
        hint = "run it by hand to see why; you may have to sign in again"
        raise _error("kube.plugin.failed", what, hint, plugin)
    return _read(plugin, out)


async def _communicate(
    process: asyncio.subprocess.Process, plugin: ExecPlugin, seconds: float
) -> tuple[bytes, bytes | None]:
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    except TimeoutError as error:
        what = f"{plugin.command} did not end within {seconds:.0f} s"
        raise _error("kube.plugin.failed", what, "run it by hand", plugin) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _read(plugin: ExecPlugin, out: bytes) -> PluginOutput:
    try:
        # YAML is taken too, since Kubernetes' own tools take it.
        credential = msgspec.convert(decode_go_yaml(out), _Credential)
        given = credential.status
        ends = given.expiration_timestamp if given else None
        expires = parse_rfc3339(ends).timestamp() if ends else 0.0
    except (msgspec.MsgspecError, ValueError, HavokError) as error:
        raise _unusable(plugin, "did not print an ExecCredential") from error
    if credential.kind != "ExecCredential" or credential.api_version != plugin.api_version:
        what = f"printed {credential.api_version or '(none)'} instead of {plugin.api_version}"
        raise _unusable(plugin, what, "make the plugin and the kubeconfig agree on the version")
    if given is None or not (given.token or given.client_certificate_data):
        raise _unusable(plugin, "printed no token and no certificate")
    if bool(given.client_certificate_data) != bool(given.client_key_data):
        raise _unusable(plugin, "printed a certificate without its key")
    return PluginOutput(given.token, given.client_certificate_data, given.client_key_data, expires)


def _info(plugin: ExecPlugin, access: Access, interactive: bool) -> str:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        authority = access.ca or (read_pem(access.ca_file) if access.ca_file else b"")
        about = {
            "server": access.server,
            "insecure-skip-tls-verify": access.insecure,
            "tls-server-name": access.tls_server_name,
            "proxy-url": access.proxy,
            "certificate-authority-data": msgspec.to_builtins(authority),
            "config": plugin.cluster_config,
        }
        spec["cluster"] = {key: value for key, value in about.items() if value}
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    return msgspec.json.encode(info).decode()


def _unusable(plugin: ExecPlugin, detail: str, hint: str = "run it by hand") -> KubeError:
    return _error("kube.plugin.answer", f"{plugin.command} {detail}", hint, plugin)


def _error(code: str, what: str, hint: str, plugin: ExecPlugin) -> KubeError:
    return KubeError(
        code,
        f"the credential program {what}",
        hint,
        command=plugin.command, detail=what, next=hint,
    )  # fmt: skip
