"""Kubeconfigs as they are found in the wild, and some that nobody should write.

Each row is one set of files. Nothing here says what is right: kubectl does. A row with `differs` is the
exception, where we do something else on purpose, and that is the reason.

In the texts @SERVER@ is the API server's URL, @HOST@ its host and port, @CA64@, @CRT64@ and @KEY64@ are PEM
in base64. Beside the files lie ca.crt, me.crt, me.key, viewer-token, login (an exec plugin) and empty.
"""

from dataclasses import dataclass, field

HEAD = "apiVersion: v1\nkind: Config\ncurrent-context: home\n"
CLUSTER = "server: '@SERVER@', certificate-authority-data: @CA64@"
USER = "token: token-of-viewer"
CONTEXT = "cluster: c, user: u, namespace: team"
V1 = "client.authentication.k8s.io/v1"


@dataclass
class Odd:
    """One row. `files` maps names to texts; `listed` is $KUBECONFIG, else the first file is given by name."""

    name: str
    text: str | bytes = ""
    files: dict[str, str | bytes] = field(default_factory=dict)
    listed: str = ""
    context: str = ""
    differs: str = ""

    def __post_init__(self) -> None:
        if not self.files:
            self.files = {"config": self.text}


def config(
    *, cluster: str = CLUSTER, user: str = USER, context: str = CONTEXT, head: str = HEAD, more: str = ""
) -> str:
    """A whole file; each argument replaces the inside of one flow mapping."""
    return (
        f"{head}clusters:\n- name: c\n  cluster: {{{cluster}}}\nusers:\n- name: u\n  user: {{{user}}}\n"
        f"contexts:\n- name: home\n  context: {{{context}}}\n{more}"
    )


def login(extra: str = "interactiveMode: Never", version: str = V1, command: str = "./login") -> str:
    """A user with an exec plugin."""
    return f"exec: {{apiVersion: {version}, command: {command}, {extra}}}"


PARTS: dict[str, str | bytes] = {
    "clusters": f"apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{{CLUSTER}}}}}]\n",
    "users": f"apiVersion: v1\nkind: Config\nusers: [{{name: u, user: {{{USER}}}}}]\n",
    "contexts": f"{HEAD}contexts: [{{name: home, context: {{{CONTEXT}}}}}]\n",
}
OTHER = config(user="token: token-of-other", context="cluster: c, user: u, namespace: elsewhere")
ANCHORS = f"""{HEAD}x-defaults: &defaults {{{CLUSTER}}}
clusters:
- name: c
  cluster: {{<<: *defaults, insecure-skip-tls-verify: false}}
users: [{{name: u, user: &me {{{USER}}}}}, {{name: v, user: *me}}]
contexts: [{{name: home, context: {{cluster: c, user: v, namespace: team}}}}]
"""
JSON = """{
\t"kind": "Config", "apiVersion": "v1", "current-context": "home",
\t"clusters": [{"name": "c", "cluster": {"server": "@SERVER@", "certificate-authority-data": "@CA64@"}}],
\t"users": [{"name": "u", "user": {"token": "token-of\\u002dviewer"}}],
\t"contexts": [{"name": "home", "context": {"cluster": "c", "user": "u", "namespace": "te\\u0061m"}}]
}"""
FOLDED = f"{HEAD}clusters:\n- name: c\n  cluster:\n    server: '@SERVER@'\n    certificate-authority-data: %s"
REST = f"\nusers: [{{name: u, user: {{{USER}}}}}]\ncontexts: [{{name: home, context: {{{CONTEXT}}}}}]\n"
TWO = f"""{HEAD}clusters: [{{name: c, cluster: {{{CLUSTER}}}}}, {{name: d, cluster: {{%s}}}}]
users: [{{name: u, user: {{{USER}}}}}, {{name: v, user: {{%s}}}}]
contexts: [{{name: home, context: {{{CONTEXT}}}}}, {{name: away, context: {{%s}}}}]
"""
ASKS = "kubectl asks for a name and a password, which API servers dropped in 1.19; we go as anonymous"

SYNTAX = [
    Odd("plain", config()),
    Odd("windows-line-ends", config().replace("\n", "\r\n")),
    Odd("byte-order-mark", b"\xef\xbb\xbf" + config().encode()),
    Odd("utf-16", config().encode("utf-16")),
    Odd("not-utf-8", config(more="# caf\xe9\n").encode("latin-1")),
    Odd("json", JSON),
    Odd("json-windows", JSON.replace("\n", "\r\n")),
    Odd("json-with-a-comma-too-many", JSON.replace('"team"}}]', '"team"}}],')),
    Odd("anchors-and-merge-keys", ANCHORS),
    Odd("comments-and-document-start", "# mine\n---\n" + config()),
    Odd("two-documents", config() + "---\n" + OTHER),
    Odd("empty-document-first", "---\n---\n" + config()),
    Odd("document-end", config() + "...\n"),
    Odd("empty-file", ""),
    Odd("only-a-comment", "# nothing\n"),
    Odd("only-blanks", " \n\n"),
    Odd("a-list", "- a\n- b\n"),
    Odd("a-word", "hello\n"),
    Odd("tabs", config().replace("  ", "\t")),
    Odd("broken-yaml", config() + "  : ]\n"),
    Odd("html", "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n"),
    Odd("twice-the-same-key", config(more="current-context: away\ncurrent-context: home\n")),
    Odd("null-bytes", config().encode() + b"\x00\x00"),
]
HEADERS = [
    Odd("no-kind", config(head="current-context: home\n")),
    Odd("no-kind-but-version", config(head="apiVersion: v1\ncurrent-context: home\n")),
    Odd("another-kind", config(head="apiVersion: v1\nkind: ConfigMap\ncurrent-context: home\n")),
    Odd("kind-in-small-letters", config(head="apiVersion: v1\nkind: config\ncurrent-context: home\n")),
    Odd("another-version", config(head="apiVersion: v2\nkind: Config\ncurrent-context: home\n")),
    Odd("version-of-an-api", config(head="apiVersion: apps/v1\nkind: Config\ncurrent-context: home\n")),
    Odd("preferences", config(more="preferences: {colors: true}\nextensions: []\n")),
    Odd("preferences-null", config(more="preferences: null\nextensions: null\n")),
    Odd("unknown-fields", config(cluster=CLUSTER + ", color: red", more="owner: {team: x}\n")),
    Odd("fields-in-other-case", config(cluster=CLUSTER.replace("server", "Server"))),
    Odd("top-fields-in-other-case", config(head=HEAD.replace("current-context", "currentContext"))),
]
NAMES = [
    Odd("no-current-context", config(head="apiVersion: v1\nkind: Config\n")),
    Odd("empty-current-context", config(head="apiVersion: v1\nkind: Config\ncurrent-context: ''\n")),
    Odd("null-current-context", config(head="apiVersion: v1\nkind: Config\ncurrent-context: null\n")),
    Odd("current-context-that-is-not-there", config(head=HEAD.replace("home", "away"))),
    Odd("context-by-name", TWO % (CLUSTER, "token: token-of-other", "cluster: d, user: v"), context="away"),
    Odd("context-by-a-wrong-name", config(), context="away"),
    Odd("names-differ-in-case", config(context="cluster: C, user: u")),
    Odd("no-such-cluster", config(context="cluster: gone, user: u")),
    Odd("no-such-user", config(context="cluster: c, user: gone")),
    Odd("context-without-cluster", config(context="user: u, namespace: team")),
    Odd("context-without-user", config(context="cluster: c, namespace: team"), differs=ASKS),
    Odd("empty-user", config(user=""), differs=ASKS),
    Odd("null-user", config().replace(f"{{{USER}}}", "null"), differs=ASKS),
    Odd("nulls-inside", config(user="token: token-of-viewer, exec: null, as-groups: null, as: null")),
    Odd("null-lists", config(more="").replace("users:\n- name: u\n  user: {" + USER + "}", "users: null")),
    Odd("lists-that-are-maps", f"{HEAD}clusters: {{c: {{{CLUSTER}}}}}\n"),
    Odd("duplicate-cluster", config(more="").replace("users:", "- name: c\n  cluster: {server: x}\nusers:")),
    Odd("duplicate-user", config().replace("contexts:", "- name: u\n  user: {token: x}\ncontexts:")),
    Odd("duplicate-context", config(more="- name: home\n  context: {cluster: c, user: u}\n")),
    Odd(
        "everything-nameless",
        config(head="kind: Config\n")
        .replace("name: c", "name: ''")
        .replace("name: u\n", "name: ''\n")
        .replace("name: home", "name: ''"),
    ),
    Odd("names-left-out", f"clusters: [{{cluster: {{{CLUSTER}}}}}]\nusers: [{{user: {{{USER}}}}}]\n"),
    Odd(
        "names-that-yaml-turns",
        config(context="cluster: 'yes', user: '1'")
        .replace("name: c", "name: 'yes'")
        .replace("name: u\n", "name: '1'\n"),
    ),
    Odd("a-name-that-is-a-number", config(context="cluster: c, user: 1")),
    Odd(
        "a-name-that-is-a-date",
        config(context="cluster: c, user: 2001-01-01").replace("name: u\n", "name: 2001-01-01\n"),
    ),
    Odd("a-name-that-is-yes", config(context="cluster: c, user: yes").replace("name: u\n", "name: yes\n")),
    Odd("a-name-that-is-y", config(context="cluster: c, user: y").replace("name: u\n", "name: y\n")),
    Odd("a-name-like-a-time", config(context="cluster: c, user: 1:30").replace("name: u\n", "name: 1:30\n")),
    Odd(
        "a-name-like-an-octal", config(context="cluster: c, user: 0o17").replace("name: u\n", "name: 0o17\n")
    ),
    Odd(
        "a-name-with-an-exponent", config(context="cluster: c, user: 1e3").replace("name: u\n", "name: 1e3\n")
    ),
    Odd(
        "a-name-like-an-address",
        config(context="cluster: c, user: 'arn:aws:eks:x/y@z'").replace(
            "name: u\n", "name: 'arn:aws:eks:x/y@z'\n"
        ),
    ),
    Odd("a-chinese-name", config(context="cluster: c, user: 管理员").replace("name: u\n", "name: 管理员\n")),
    Odd("no-namespace", config(context="cluster: c, user: u")),
    Odd("null-namespace", config(context="cluster: c, user: u, namespace: null")),
    Odd("empty-namespace", config(context="cluster: c, user: u, namespace: ''")),
    Odd("numeric-namespace", config(context="cluster: c, user: u, namespace: 7")),
    Odd("quoted-numeric-namespace", config(context="cluster: c, user: u, namespace: '7'")),
]
SERVERS = [
    Odd("slash-at-the-end", config(cluster=CLUSTER.replace("@SERVER@", "@SERVER@/"))),
    Odd("two-slashes-at-the-end", config(cluster=CLUSTER.replace("@SERVER@", "@SERVER@//"))),
    Odd("a-path", config(cluster=CLUSTER.replace("@SERVER@", "@SERVER@/no/such/prefix"))),
    Odd("a-query", config(cluster=CLUSTER.replace("@SERVER@", "@SERVER@/?a=b#c"))),
    Odd("scheme-in-capitals", config(cluster=CLUSTER.replace("@SERVER@", "HTTPS://@HOST@"))),
    Odd("a-name-for-the-host", config(cluster=CLUSTER.replace("@SERVER@", "https://localhost:@PORT@"))),
    Odd("host-in-capitals", config(cluster=CLUSTER.replace("@SERVER@", "https://LOCALHOST:@PORT@"))),
    Odd("no-scheme", config(cluster=CLUSTER.replace("@SERVER@", "@HOST@"))),
    Odd("no-scheme-insecure", config(cluster="server: '@HOST@', insecure-skip-tls-verify: true")),
    Odd("http-where-https-is", config(cluster=CLUSTER.replace("@SERVER@", "http://@HOST@"))),
    Odd("another-scheme", config(cluster=CLUSTER.replace("@SERVER@", "ftp://@HOST@"))),
    Odd("blank-before", config(cluster=CLUSTER.replace("@SERVER@", " @SERVER@"))),
    Odd("blank-after", config(cluster=CLUSTER.replace("@SERVER@", "@SERVER@ "))),
    Odd("a-port-that-is-a-word", config(cluster=CLUSTER.replace("@SERVER@", "https://127.0.0.1:port"))),
    Odd("half-an-address", config(cluster=CLUSTER.replace("@SERVER@", "https://[::1"))),
    Odd("no-host", config(cluster=CLUSTER.replace("@SERVER@", "https://"))),
    Odd("no-server", config(cluster="certificate-authority-data: @CA64@")),
    Odd("empty-cluster", config(cluster="")),
    Odd("ca-file", config(cluster="server: '@SERVER@', certificate-authority: ca.crt")),
    Odd(
        "ca-file-in-a-folder-above",
        files={"sub/config": config(cluster="server: '@SERVER@', certificate-authority: ../ca.crt")},
    ),
    Odd("ca-file-with-tilde", config(cluster="server: '@SERVER@', certificate-authority: ~/ca.crt")),
    Odd("ca-file-missing", config(cluster="server: '@SERVER@', certificate-authority: gone.crt")),
    Odd("ca-file-empty", config(cluster="server: '@SERVER@', certificate-authority: empty")),
    Odd("ca-file-and-data", config(cluster=CLUSTER + ", certificate-authority: ca.crt")),
    Odd("ca-and-insecure", config(cluster=CLUSTER + ", insecure-skip-tls-verify: true")),
    Odd("insecure", config(cluster="server: '@SERVER@', insecure-skip-tls-verify: true")),
    Odd("insecure-as-a-word", config(cluster="server: '@SERVER@', insecure-skip-tls-verify: 'true'")),
    Odd("insecure-yes", config(cluster="server: '@SERVER@', insecure-skip-tls-verify: yes")),
    Odd("no-ca", config(cluster="server: '@SERVER@'")),
    Odd("ca-not-base64", config(cluster="server: '@SERVER@', certificate-authority-data: '%%%'")),
    Odd("ca-not-pem", config(cluster="server: '@SERVER@', certificate-authority-data: aGVsbG8=")),
    Odd("ca-without-padding", config(cluster="server: '@SERVER@', certificate-authority-data: aGVsbG8")),
    Odd("ca-in-several-lines", FOLDED % "|\n@CA64LINES@" + REST),
    Odd("ca-in-several-lines-folded", FOLDED % ">-\n@CA64LINES@" + REST),
    Odd("tls-server-name", config(cluster=CLUSTER + ", tls-server-name: kubernetes.default.svc")),
    Odd("another-tls-server-name", config(cluster=CLUSTER + ", tls-server-name: other.example")),
    Odd("proxy-empty", config(cluster=CLUSTER + ", proxy-url: ''")),
    Odd("proxy-of-another-scheme", config(cluster=CLUSTER + ", proxy-url: 'gopher://127.0.0.1:1'")),
    Odd("proxy-socks4", config(cluster=CLUSTER + ", proxy-url: 'socks4://127.0.0.1:1'")),
    Odd("proxy-without-scheme", config(cluster=CLUSTER + ", proxy-url: '127.0.0.1:1'")),
    Odd("proxy-that-is-not-there", config(cluster=CLUSTER + ", proxy-url: 'http://127.0.0.1:1'")),
    Odd("compression-off", config(cluster=CLUSTER + ", disable-compression: true")),
    Odd(
        "extensions-of-a-cluster",
        config(cluster=CLUSTER + ", extensions: [{name: minikube.sigs.k8s.io, extension: {version: v1}}]"),
    ),
]
CERTIFICATE = "client-certificate-data: @CRT64@, client-key-data: @KEY64@"
USERS = [
    Odd("certificate", config(user=CERTIFICATE)),
    Odd("certificate-files", config(user="client-certificate: me.crt, client-key: me.key")),
    Odd("certificate-file-and-key-data", config(user="client-certificate: me.crt, client-key-data: @KEY64@")),
    Odd("certificate-twice", config(user=CERTIFICATE + ", client-certificate: me.crt")),
    Odd("key-twice", config(user=CERTIFICATE + ", client-key: me.key")),
    Odd("certificate-without-key", config(user="client-certificate-data: @CRT64@")),
    Odd("key-without-certificate", config(user=USER + ", client-key-data: @KEY64@")),
    Odd("certificate-with-another-key", config(user="client-certificate: me.crt, client-key: ca.crt")),
    Odd("certificate-file-missing", config(user="client-certificate: gone.crt, client-key: me.key")),
    Odd("certificate-and-token", config(user=f"{CERTIFICATE}, {USER}")),
    Odd("key-not-base64", config(user="client-certificate-data: @CRT64@, client-key-data: '%%%'")),
    Odd("another-user-is-broken", TWO % (CLUSTER, "client-key-data: '%%%'", "cluster: d, user: v")),
    Odd("another-user-has-no-command", TWO % (CLUSTER, "exec: {}", "cluster: d, user: v")),
    Odd("another-cluster-has-no-server", TWO % ("", USER, "cluster: d, user: v")),
    Odd("another-context-leads-nowhere", TWO % (CLUSTER, USER, "cluster: x, user: z")),
    Odd("token-wrong", config(user="token: nobody-knows-it")),
    Odd("token-with-line-end", config(user='token: "token-of-viewer\\n"')),
    Odd("token-with-blanks", config(user='token: " token-of-viewer "')),
    Odd("token-that-is-a-number", config(user="token: 12345")),
    Odd("token-file", config(user="tokenFile: viewer-token")),
    Odd("token-file-kebab", config(user="token-file: viewer-token"), differs=ASKS),
    Odd("token-file-missing", config(user="tokenFile: gone")),
    Odd("token-file-empty", config(user="tokenFile: empty")),
    Odd("token-file-missing-and-token", config(user=USER + ", tokenFile: gone")),
    Odd("token-file-and-token", config(user="token: token-of-other, tokenFile: viewer-token")),
    Odd("name-and-password", config(user="username: ann, password: secret")),
    Odd("token-and-password", config(user=USER + ", username: ann, password: secret")),
    Odd("token-and-name", config(user=USER + ", username: ann")),
    Odd("auth-provider", config(user="auth-provider: {name: gcp}")),
    Odd("auth-provider-and-token", config(user=USER + ", auth-provider: {name: gcp}")),
    Odd("acting-as", config(user=CERTIFICATE + ", as: ann")),
    Odd(
        "acting-as-all",
        config(user=CERTIFICATE + ", as: ann, as-uid: '7', as-groups: [dev], as-user-extra: {team: [x, z]}"),
    ),
    Odd("groups-without-a-user", config(user=CERTIFICATE + ", as-groups: [dev]")),
    Odd("uid-without-a-user", config(user=CERTIFICATE + ", as-uid: '7'")),
    Odd("acting-as-without-the-right", config(user=USER + ", as: ann")),
    Odd("plugin", config(user=login())),
    Odd("plugin-v1beta1", config(user=login(version=V1 + "beta1"))),
    Odd("plugin-v1beta1-without-mode", config(user=login("args: null", version=V1 + "beta1"))),
    Odd("plugin-v1-without-mode", config(user=login("args: []"))),
    Odd("plugin-with-a-wrong-mode", config(user=login("interactiveMode: Sometimes"))),
    Odd("plugin-always-interactive", config(user=login("interactiveMode: Always"))),
    Odd("plugin-v1alpha1", config(user=login(version=V1 + "alpha1"))),
    Odd("plugin-of-another-group", config(user=login(version="example.com/v1"))),
    Odd("plugin-without-version", config(user="exec: {command: ./login, interactiveMode: Never}")),
    Odd("plugin-without-command", config(user=f"exec: {{apiVersion: {V1}, interactiveMode: Never}}")),
    Odd("plugin-with-arguments", config(user=login("interactiveMode: Never, args: [a, 'b c']"))),
    Odd("plugin-with-a-number-as-argument", config(user=login("interactiveMode: Never, args: [1]"))),
    Odd(
        "plugin-with-environment",
        config(user=login("interactiveMode: Never, env: [{name: WHO, value: other}]")),
    ),
    Odd("plugin-with-a-nameless-variable", config(user=login("interactiveMode: Never, env: [{value: x}]"))),
    Odd("plugin-with-a-valueless-variable", config(user=login("interactiveMode: Never, env: [{name: X}]"))),
    Odd("plugin-about-the-cluster", config(user=login("interactiveMode: Never, provideClusterInfo: true"))),
    Odd("plugin-not-installed", config(user=login(command="no-such-program-1234"))),
    Odd("plugin-without-slash", config(user=login(command="login"))),
    Odd("plugin-and-token", config(user=f"{USER}, {login(command='no-such-program-1234')}")),
    Odd("plugin-and-certificate", config(user=f"{CERTIFICATE}, {login(command='no-such-program-1234')}")),
    Odd("plugin-and-auth-provider", config(user=f"{login()}, auth-provider: {{name: gcp}}")),
]
LISTS = [
    Odd("three-files", files=PARTS, listed="clusters:users:contexts"),
    Odd("the-first-file-wins", files={"a": config(), "b": OTHER}, listed="a:b"),
    Odd("the-first-file-wins-either-way", files={"a": config(), "b": OTHER}, listed="b:a"),
    Odd(
        "entries-are-not-mixed",
        files={
            "a": "kind: Config\napiVersion: v1\nclusters: [{name: c, cluster: {server: '@SERVER@'}}]\n",
            "b": config(),
        },
        listed="a:b",
    ),
    Odd(
        "users-of-one-name-are-not-mixed",
        files={
            "a": "kind: Config\napiVersion: v1\nusers: [{name: u, user: {as: ann}}]\n",
            "b": config(user=CERTIFICATE),
        },
        listed="a:b",
    ),
    Odd(
        "current-context-of-the-second",
        files={
            "a": OTHER.replace("current-context: home\n", "").replace("name: home", "name: x"),
            "b": config(),
        },
        listed="a:b",
    ),
    Odd("a-missing-file", files={"a": config()}, listed="gone:a"),
    Odd("empty-parts", files={"a": config()}, listed="::a:"),
    Odd("an-empty-file-first", files={"a": "", "b": config()}, listed="a:b"),
    Odd("a-broken-file-last", files={"a": config(), "b": "kind: Config\n\t- x"}, listed="a:b"),
    Odd("a-folder", files={"a": config(), "sub/b": ""}, listed="a:sub"),
    Odd("the-same-file-twice", files={"a": config()}, listed="a:a"),
    Odd("duplicate-over-files", files={"a": config(), "b": config()}, listed="a:b"),
    Odd("all-missing", files={"a": config()}, listed="gone:gone-too"),
    Odd(
        "relative-paths-of-each-file",
        files={
            "one/a": HEAD + "clusters: [{name: c, cluster: "
            "{server: '@SERVER@', certificate-authority: ../ca.crt}}]\n",
            "two/three/b": "kind: Config\napiVersion: v1\n"
            "users: [{name: u, user: {client-certificate: ../../me.crt, client-key: ../../me.key}}]\n"
            f"contexts: [{{name: home, context: {{{CONTEXT}}}}}]\n",
        },
        listed="one/a:two/three/b",
    ),
]

ROWS = [*SYNTAX, *HEADERS, *NAMES, *SERVERS, *USERS, *LISTS]
