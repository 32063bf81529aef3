"""What both samples promise to whoever deploys them."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scenario.samples.service import PATIENCE_SECONDS, Runnable, Service, eventually, launched, running


@pytest.fixture(scope="module")
def service(sample: Runnable) -> Iterator[Service]:
    variables = {"APP_NAME": sample.name, "APP_VERSION": "2.1<b>", "HOSTNAME": "pod-7", "APP_ENV": "test"}
    with running(sample.command, folder=sample.folder, **variables) as started:
        yield started


@pytest.fixture
def own_service(sample: Runnable) -> Iterator[Service]:
    """One that the test may end."""
    with running(sample.command, folder=sample.folder) as started:
        yield started


def test_the_front_page_tells_programs_who_answers(service: Service, sample: Runnable) -> None:
    reply = service.ask("/")
    facts = json.loads(reply.body)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    runtime = facts.pop("runtime")
    assert facts == {"app": sample.name, "version": "2.1<b>", "pod": "pod-7", "env": "test"}
    assert runtime.startswith(("Java 17.", "Python 3."))


def test_the_front_page_is_html_for_browsers_and_trusts_no_value(service: Service) -> None:
    page = service.ask("/", accept="text/html,application/xhtml+xml").body
    assert "<dd>2.1&lt;b&gt;</dd>" in page
    assert "<dd>pod-7</dd>" in page
    assert "{{" not in page


def test_health_is_up(service: Service) -> None:
    reply = service.ask("/health")
    assert (reply.status, json.loads(reply.body)) == (200, {"status": "UP"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/slow?ms=1", 200),
        ("GET", "/slow?ms=-1", 400),
        ("GET", "/slow?ms=30001", 400),
        ("GET", "/slow?ms=1&ms=2", 400),
        ("GET", "/slow?ms=", 400),
        ("POST", "/", 405),
        ("DELETE", "/health", 405),
        ("HEAD", "/", 200),
    ],
)
def test_other_requests_get_the_status_they_deserve(
    service: Service, method: str, path: str, status: int
) -> None:
    reply = service.ask(path, method=method)
    assert reply.status == status
    assert (reply.body == "") == (method == "HEAD")


def test_metrics_are_what_prometheus_reads_and_they_grow(service: Service) -> None:
    text = service.ask("/prometheus").body
    kinds = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert kinds["http_requests"] == "counter"
    assert kinds["http_request_duration_seconds"] == "histogram"
    assert kinds["process_uptime_seconds"] == "gauge"
    assert service.metric("app_info") == 1

    before = service.metric("http_requests_total", path="/health", status="200")
    for _ in range(3):
        service.ask("/health")
    eventually(lambda: service.metric("http_requests_total", path="/health", status="200") == before + 3)
    counted = service.metric("http_request_duration_seconds_count", path="/health")
    assert service.metric("http_request_duration_seconds_bucket", path="/health", le="+Inf") == counted
    assert 0 < service.metric("process_cpu_seconds_total") < 60


def test_latency_falls_in_the_right_bucket(service: Service) -> None:
    service.ask("/slow?ms=60")
    eventually(lambda: service.metric("http_request_duration_seconds_sum", path="/slow") >= 0.06)
    within = service.metric("http_request_duration_seconds_bucket", path="/slow", le="0.05")
    assert within < service.metric("http_request_duration_seconds_count", path="/slow")


def test_strangers_cannot_fill_the_metrics_with_paths(service: Service) -> None:
    service.ask("/made-up-1")
    service.ask("/made-up-2", method="PATCH")
    eventually(lambda: service.metric("http_requests_total", path="other", method="other") >= 1)
    assert "made-up" not in service.ask("/prometheus").body


def test_memory_is_measured(service: Service, sample: Runnable) -> None:
    java = sample.name == "javaboot-sample"
    name = "jvm_memory_used_bytes" if java else "process_resident_memory_bytes"
    assert service.metric(name) > 1_000_000


def test_each_request_is_one_line_of_json_without_its_query(service: Service) -> None:
    service.ask("/logged?token=secret")
    line = service.request_line("/logged")
    assert list(line) == ["time", "level", "method", "path", "status", "ms", "client"]
    assert line["time"].endswith("Z")
    assert {**line, "time": "", "ms": 0} == {
        "time": "", "level": "info", "method": "GET", "path": "/logged", "status": 404, "ms": 0,
        "client": "127.0.0.1",
    }  # fmt: skip
    assert isinstance(line["ms"], int | float)
    assert "secret" not in "".join(service.output.lines)


def test_a_failure_is_a_500_whose_reason_only_the_log_knows(service: Service) -> None:
    reply = service.ask("/error")
    assert reply.status == 500
    assert "you asked" not in reply.body
    line = service.request_line("/error")
    assert line["level"] == "error"
    assert "you asked for an error" in line["error"]
    assert "\n" in line["stack"]


def test_a_client_that_goes_away_is_a_warning_not_a_crash(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close by reset
        connection.sendall(b"GET /slow?ms=300 HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: service.metric("http_requests_in_flight") == 2)
    eventually(lambda: service.metric("http_requests_in_flight") == 1)
    assert service.ask("/health").status == 200
    assert service.errors.lines == []


def test_the_start_is_told_to_people(service: Service, sample: Runnable) -> None:
    start = [line for line in service.output.lines if not line.startswith("{")]
    assert start[0] == f"{sample.name} 2.1<b> starting\n"
    assert "CPUs" in "".join(start)
    assert "MiB memory" in "".join(start)
    assert start[-1].endswith(" ms\n")


def test_sigterm_stops_listening_and_finishes_what_is_in_flight(own_service: Service) -> None:
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(own_service.ask, "/slow?ms=1500")
        eventually(lambda: own_service.metric("http_requests_in_flight") == 2)
        own_service.terminate()
        own_service.output.wait_for(lambda line: line.startswith("stopping: no longer listening"))
        reply = slow.result(PATIENCE_SECONDS)
    assert json.loads(reply.body) == {"slept_ms": 1500}
    assert own_service.exit_code() == 0
    assert own_service.output.whole().endswith("\nstopped\n")
    with pytest.raises(ConnectionRefusedError):
        own_service.ask("/health")


def test_sigterm_does_not_wait_longer_than_five_seconds(own_service: Service) -> None:
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(own_service.ask, "/slow?ms=30000")
        eventually(lambda: own_service.metric("http_requests_in_flight") == 2)
        asked = time.monotonic()
        own_service.terminate()
        assert own_service.exit_code() == 0
        assert 4 < time.monotonic() - asked < 6
        assert isinstance(slow.exception(PATIENCE_SECONDS), OSError)
    assert own_service.output.whole().endswith("stopped with 1 requests unfinished\n")


def test_sigterm_when_idle_ends_at_once(own_service: Service) -> None:
    asked = time.monotonic()
    own_service.terminate()
    assert own_service.exit_code() == 0
    assert time.monotonic() - asked < 3


@pytest.mark.parametrize("port", ["eighty", "65536", "-1"])
def test_a_port_that_is_none_is_refused_with_the_reason(sample: Runnable, port: str) -> None:
    with launched(sample.command, folder=sample.folder, PORT=port) as process:
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2
    assert f'PORT must be a number from 0 to 65535, not "{port}"' in errors


def test_a_port_that_is_taken_is_refused_with_the_next_step(sample: Runnable) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with launched(sample.command, folder=sample.folder, PORT=port) as process:
            _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2
    assert "set PORT to a free port" in errors
