"""What a fresh cluster gets before the first app: DNS, metrics, storage, the platform's kinds and rights.

Pure: a layout in, Kubernetes objects out. `cluster.up` applies them with server-side apply on every run, so a
cluster that somebody damaged by hand is made whole again.
"""

import base64
from typing import Any

from havok.localcluster.layout import REGISTRY_HOST, Layout

Object = dict[str, Any]
SYSTEM = "kube-system"
PLATFORM = "logan"
COREDNS_IMAGE = "havok.local/coredns"
METRICS_IMAGE = "havok.local/metrics-server"
PROVISIONER = "havok.dev/local"
REAL = {"havok.dev/local": "true"}
"""The label of real nodes: what must run in truth never lands on a simulated one."""
DNS_PORT = 1053
"""Above 1024, so that CoreDNS needs neither root nor a capability."""


TOLERATIONS: list[Object] = [
    {"key": f"node.kubernetes.io/{trouble}", "operator": "Exists", "effect": "NoSchedule"}
    for trouble in ("not-ready", "memory-pressure", "disk-pressure", "pid-pressure")
]
TOLERATIONS.append({
    "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
    "tolerationSeconds": 1,
})  # fmt: skip
"""What the cluster's own parts put up with: much, but a node that is drained or away they leave at once."""


def everything(
    layout: Layout, *, coredns: str, metrics_server: str, outside_dns: bool, nodes: int
) -> list[Object]:
    """Every object outside the platform itself, in an order that can be applied in one go."""
    return [
        *dns(layout, version=coredns, outside=outside_dns, replicas=min(nodes, 2)),
        *metrics(layout, version=metrics_server),
        *storage(),
    ]


def dns(layout: Layout, *, version: str, outside: bool, replicas: int = 1) -> list[Object]:
    """CoreDNS. `outside`: there is a name server to ask for names that are not the cluster's."""
    forward = "    forward . /etc/resolv.conf {\n        max_concurrent 1000\n    }\n" if outside else ""
    corefile = (
        f".:{DNS_PORT} {{\n"
        "    errors\n    health {\n        lameduck 2s\n    }\n    ready\n"
        "    kubernetes cluster.local in-addr.arpa ip6.arpa {\n        pods insecure\n"
        "        fallthrough in-addr.arpa ip6.arpa\n        ttl 10\n    }\n"
        f"{forward}    cache 10\n    loop\n    reload\n    loadbalance\n}}\n"
    )
    labels = {"k8s-app": "kube-dns"}
    rules = [
        rule("", ["endpoints", "services", "pods", "namespaces"], ["list", "watch"]),
        rule("discovery.k8s.io", ["endpointslices"], ["list", "watch"]),
    ]
    container = {
        "name": "coredns",
        "image": f"{COREDNS_IMAGE}:{version}",
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": DNS_PORT, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": DNS_PORT, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "30Mi"}, "limits": {"memory": "170Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080}, "initialDelaySeconds": 30, "failureThreshold": 5,
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
            "runAsNonRoot": True, "runAsUser": 65534,
        },
    }  # fmt: skip
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "tolerations": TOLERATIONS,
        "nodeSelector": REAL,
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": labels},
                        },
                    }
                ]
            }
        },
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    return [
        _object("v1", "ServiceAccount", "coredns", SYSTEM),
        *_cluster_role("system:coredns", rules, "coredns"),
        _object("v1", "ConfigMap", "coredns", SYSTEM, data={"Corefile": corefile}),
        _deployment("coredns", labels, pod, replicas),
        _object("v1", "Service", "kube-dns", SYSTEM, labels=labels, spec={
            "clusterIP": layout.addresses.dns,
            "selector": labels,
            "ports": [
                {"name": "dns", "port": 53, "targetPort": "dns", "protocol": "UDP"},
                {"name": "dns-tcp", "port": 53, "targetPort": "dns-tcp", "protocol": "TCP"},
            ],
        }),
    ]  # fmt: skip


def metrics(layout: Layout, *, version: str) -> list[Object]:
    """metrics-server with a certificate of the cluster's authority, both ways verified."""
    labels = {"k8s-app": "metrics-server"}
    pki = layout.pki

    def read(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    container = {
        "name": "metrics-server",
        "image": f"{METRICS_IMAGE}:{version}",
        "imagePullPolicy": "Never",
        "args": [
            "--secure-port=10250",
            "--tls-cert-file=/tls/tls.crt",
            "--tls-private-key-file=/tls/tls.key",
            "--kubelet-preferred-address-types=InternalIP",
            "--kubelet-use-node-status-port",
            "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
            "--kubelet-request-timeout=5s",
            "--metric-resolution=10s",
            "--node-selector=havok.dev/local=true",
        ],
        "ports": [{"name": "https", "containerPort": 10250}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "https", "scheme": "HTTPS"},
                           "periodSeconds": 2},
        "resources": {"requests": {"cpu": "20m", "memory": "40Mi"}, "limits": {"memory": "200Mi"}},
        "volumeMounts": [{"name": "tls", "mountPath": "/tls", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True, "runAsNonRoot": True, "runAsUser": 65534,
        },
    }  # fmt: skip
    pod = {
        "serviceAccountName": "metrics-server",
        "priorityClassName": "system-cluster-critical",
        "tolerations": TOLERATIONS,
        "nodeSelector": REAL,
        "securityContext": {"fsGroup": 65534},
        "containers": [container],
        "volumes": [{"name": "tls", "secret": {"secretName": "metrics-server", "defaultMode": 0o440}}],
    }
    rules = [
        rule("", ["nodes/metrics"], ["get"]),
        rule("", ["pods", "nodes", "namespaces", "configmaps"], ["get", "list", "watch"]),
    ]
    subject = [{"kind": "ServiceAccount", "name": "metrics-server", "namespace": SYSTEM}]
    return [
        _object("v1", "ServiceAccount", "metrics-server", SYSTEM),
        _object("v1", "Secret", "metrics-server", SYSTEM, type="kubernetes.io/tls", data={
            "tls.crt": read("metrics-server.crt"), "tls.key": read("metrics-server.key"),
        }),
        *_cluster_role("system:metrics-server", rules, "metrics-server"),
        binding("metrics-server:auth-delegator", "system:auth-delegator", subject),
        _object("rbac.authorization.k8s.io/v1", "RoleBinding", "metrics-server-auth-reader", SYSTEM,
                roleRef=_role_ref("Role", "extension-apiserver-authentication-reader"), subjects=subject),
        *_aggregated_reader(),
        _deployment("metrics-server", labels, pod),
        _object("v1", "Service", "metrics-server", SYSTEM, labels=labels, spec={
            "selector": labels, "ports": [{"name": "https", "port": 443, "targetPort": "https"}],
        }),
        _object("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io", spec={
            "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100,
            "versionPriority": 100, "caBundle": read("ca.crt"),
            "service": {"name": "metrics-server", "namespace": SYSTEM, "port": 443},
        }),
    ]  # fmt: skip


def storage() -> list[Object]:
    """The default storage class and the rights of its provisioner (`havok.localcluster.storage`)."""
    rules = [
        rule("", ["persistentvolumes"], ["get", "list", "watch", "create", "delete", "patch"]),
        rule("", ["persistentvolumeclaims"], ["get", "list", "watch"]),
        rule("storage.k8s.io", ["storageclasses"], ["get", "list", "watch"]),
        rule("", ["events"], ["create", "patch"]),
    ]
    return [
        {
            **_object("storage.k8s.io/v1", "StorageClass", "local"),
            "metadata": {
                "name": "local",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": PROVISIONER,
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", "havok:storage", rules=rules),
        binding("havok:storage", "havok:storage", [user("havok:storage")]),
    ]


def central_config() -> str:
    """The local cluster's `config.yaml`: its own registry, and probes for a laptop's patience.

    The built-in delays (contract 3.5: 60 s to the first readiness probe) protect slow starters in production;
    here a startup probe asks every second instead, so an app is Ready moments after it answers.
    """
    from havok.codec import encode_yaml

    container = {
        "startupProbe": {"periodSeconds": 1, "failureThreshold": 300},  # path and port: the Boot's own
        "readinessProbe": {"initialDelaySeconds": 0, "periodSeconds": 5},
    }  # fmt: skip
    block = {"settings": {"registry": REGISTRY_HOST}, "app": {"container": container}}
    return encode_yaml(dict.fromkeys(("java", "php", "python", "nodejs", "web"), block))


def _aggregated_reader() -> list[Object]:
    labels = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in ("view", "edit", "admin")}
    rules = [rule("metrics.k8s.io", ["pods", "nodes"], ["get", "list", "watch"])]
    name = "system:aggregated-metrics-reader"
    return [_object("rbac.authorization.k8s.io/v1", "ClusterRole", name, labels=labels, rules=rules)]


def _object(
    version: str, kind: str, name: str, namespace: str = "", *, labels: dict[str, str] | None = None,
    **rest: Any,
) -> Object:  # fmt: skip
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _deployment(name: str, labels: dict[str, str], pod: Object, replicas: int = 1) -> Object:
    return _object("apps/v1", "Deployment", name, SYSTEM, labels=labels, spec={
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "strategy": {"rollingUpdate": {"maxUnavailable": 0}},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    })  # fmt: skip


def rule(group: str, resources: list[str], verbs: list[str]) -> Object:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _role_ref(kind: str, name: str) -> Object:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}


def user(name: str) -> Object:
    return {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}


def binding(name: str, role: str, subjects: list[Object]) -> Object:
    reference = _role_ref("ClusterRole", role)
    version = "rbac.authorization.k8s.io/v1"
    return _object(version, "ClusterRoleBinding", name, roleRef=reference, subjects=subjects)


def _cluster_role(name: str, rules: list[Object], account: str) -> list[Object]:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": SYSTEM}
    return [
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", name, rules=rules),
        binding(name, name, [subject]),
    ]


def platform() -> list[Object]:
    """The platform's namespace, kinds and central config."""
    from havok.boots import rbac
    from havok.crds import manifests

    config = _object("v1", "ConfigMap", "logan-app-operator-config", PLATFORM)
    return [
        _object("v1", "Namespace", PLATFORM, labels={"logan-operator": "true"}),
        *manifests(),
        *rbac.manifests(user("havok:operator"), PLATFORM),
        # where people's first apps are; other namespaces are for their owners to bind
        rbac.secret_reader(user("havok:operator"), "default"),
        *rbac.for_people(),
        {**config, "data": {"config.yaml": central_config()}},
    ]
