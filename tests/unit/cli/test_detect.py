"""What kind of app lies in a folder, and the six lines written for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.cli.detect import NAME_LIMIT, boot_name, detect, manifest, version_tag
from havok.codec import decode_yaml


@pytest.mark.parametrize(
    ("names", "package", "kind"),
    [
        (["pom.xml", "src"], None, "JavaBoot"),
        (["build.gradle.kts"], None, "JavaBoot"),
        (["Main.java"], None, "JavaBoot"),
        (["composer.json", "package.json"], {"scripts": {"build": "vite build"}}, "PhpBoot"),
        (["index.php"], None, "PhpBoot"),
        (["pyproject.toml"], None, "PythonBoot"),
        (["app.py", "index.html"], None, "PythonBoot"),
        (["package.json"], {"scripts": {"start": "node server.js"}}, "NodeJSBoot"),
        (["package.json", "server.js"], {}, "NodeJSBoot"),
        (["package.json"], {"scripts": {"start": "react-scripts start"}}, "WebBoot"),
        (["package.json", "index.html"], {"scripts": {"dev": "vite", "build": "vite build"}}, "WebBoot"),
        (["package.json"], None, "WebBoot"),
        (["index.html", "style.css"], None, "WebBoot"),
        (["server.js"], None, "NodeJSBoot"),
    ],
)
def test_the_files_tell(names: list[str], package: dict[str, object] | None, kind: str) -> None:
    found = detect(names, package=package)
    assert found is not None
    assert (found.kind, found.evidence in names) == (kind, True)


def test_nothing_tells_nothing() -> None:
    assert detect(["README.md", "data"]) is None


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("demo_App", "demo-app"),
        ("payService", "pay-service"),
        ("2024-shop", "shop"),
        ("支付", "app"),
        ("", "app"),
    ],
)
def test_a_name_from_a_folder(folder: str, name: str) -> None:
    assert boot_name(folder) == name


@given(st.text(max_size=80))
def test_every_folder_gives_a_legal_name_that_stays_itself(folder: str) -> None:
    name = boot_name(folder)
    assert 1 <= len(name) <= NAME_LIMIT
    assert name[0].isalpha() and name.isascii() and name == name.lower()
    assert boot_name(name) == name


def test_the_file_has_six_lines_and_means_what_it_says() -> None:
    text = manifest("JavaBoot", "pay", "shop/pay", "1.4")
    assert len(text.splitlines()) == 6
    assert decode_yaml(text)[0]["spec"] == {"image": "shop/pay", "version": "1.4"}


@pytest.mark.parametrize(
    ("text", "tag"), [("2.1.0", "2.1.0"), ("1.0+local", "1.0"), (None, "1.0"), (3, "1.0")]
)
def test_only_a_legal_tag_is_a_version(text: object, tag: str) -> None:
    assert version_tag(text) == tag
