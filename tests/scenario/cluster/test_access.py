"""Looking into pods from this machine: logs, exec, port-forward, metrics; each goes by the kubelet."""

import http.client
import json
import re
from itertools import islice

from scenario.cluster.apps import Echo
from support.cluster import LocalCluster, eventually, running


def test_logs_show_what_the_app_wrote(cluster: LocalCluster, echo: Echo) -> None:
    pod = echo.pods()[0]
    name, address = pod["metadata"]["name"], pod["status"]["podIP"]
    connection = http.client.HTTPConnection(address, 8080, timeout=5)
    connection.request("GET", "/?word=from-the-log-test")
    connection.getresponse().read()
    connection.close()

    def logged() -> bool:
        lines = cluster.kubectl("logs", name).out.splitlines()
        return any('"/"' in line and json.loads(line) for line in lines if line.startswith("{"))

    eventually(logged, "the request is in the log")


def test_following_logs_brings_lines_as_they_come(cluster: LocalCluster, echo: Echo) -> None:
    name = echo.pods()[0]["metadata"]["name"]
    command = [cluster.known.binaries["kubectl"], "logs", "--follow", "--tail=0", name]
    with running(command, cluster.environment) as follower:
        assert follower.stdout is not None
        # The readiness probe asks every second, so lines keep coming.
        assert len(list(islice(follower.stdout, 2))) == 2


def test_exec_passes_input_output_and_exit_code(cluster: LocalCluster, echo: Echo) -> None:
    code = "import sys; print(sys.stdin.read()[::-1]); sys.exit(3)"
    command = ["exec", "--stdin", "deployment/echo", "--", "/usr/bin/python3.11", "-S", "-c", code]
    done = cluster.kubectl(*command, stdin="abc", check=False)
    assert (done.code, done.out) == (3, "cba\n")


def test_port_forward_reaches_the_pod(cluster: LocalCluster, echo: Echo) -> None:
    command = [cluster.known.binaries["kubectl"], "port-forward", "deployment/echo", ":8080"]
    with running(command, cluster.environment) as forward:
        assert forward.stdout is not None
        said = re.search(r"127\.0\.0\.1:(\d+) -> 8080", forward.stdout.readline())
        assert said is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(said[1]), timeout=5)
        connection.request("GET", "/health")
        assert json.loads(connection.getresponse().read())["status"] == "UP"
        connection.close()


def test_metrics_of_pods_are_there(cluster: LocalCluster, echo: Echo) -> None:
    def measured() -> str:
        done = cluster.kubectl("top", "pods", "-l", "app=echo", "--no-headers", check=False)
        return done.out if done.code == 0 else ""

    assert re.search(r"^echo-\S+ +\d+m +\d+Mi", eventually(measured, "metrics of the pods", 90))
