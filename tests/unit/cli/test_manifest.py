"""Reading boot.yaml: what is accepted, and how a mistake is told."""

from pathlib import Path
from typing import Any

import pytest

from havok.cli.deploy import Flags, gather, schemas
from havok.cli.manifest import parse, read_all
from havok.errors import HavokError, NotFoundError, UsageError

GOOD = """\
apiVersion: app.logancloud.com/v1
kind: JavaBoot
metadata: {name: pay}
spec:
  image: "shop/pay"
  version: "1.4"
"""


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    return schemas()


def refused(text: str, known: dict[str, Any]) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(text, "boot.yaml", schemas=known)
    return caught.value


def test_six_lines_are_a_boot(known: dict[str, Any]) -> None:
    (one,) = parse(GOOD, "boot.yaml", schemas=known)
    assert (one.label, one.source) == ("javaboot/pay", "boot.yaml:1")


def test_an_unknown_field_is_named_with_its_line_and_the_nearest(known: dict[str, Any]) -> None:
    error = refused(GOOD + "  replcas: 2\n", known)
    assert error.message == "boot.yaml:7: there is no field spec.replcas"
    assert error.hint == "did you mean replicas?"


def test_unknown_fields_are_found_in_depth_and_in_the_second_document(known: dict[str, Any]) -> None:
    second = GOOD.replace("pay", "shop") + "  env:\n    - name: A\n      vlaue: b\n"
    error = refused(f"{GOOD}---\n# note\n---\n{second}", known)
    assert error.code == "cli.manifest.field"
    assert error.message == "boot.yaml:18: there is no field spec.env[0].vlaue"
    assert error.hint == "did you mean value?"


def test_fields_at_the_top_and_in_metadata_are_checked(known: dict[str, Any]) -> None:
    assert (
        "metadata.nmespace" in refused(GOOD.replace("{name: pay}", "{name: pay, nmespace: x}"), known).message
    )
    assert "there is no field specs" in refused(GOOD + "specs: {}\n", known).message


def test_free_maps_take_any_key(known: dict[str, Any]) -> None:
    text = GOOD.replace("{name: pay}", "{name: pay, labels: {any: x}, annotations: {a/b: y}}")
    text += "  nodeSelector: {disk: ssd}\n  resources: {limits: {cpu: 1, nvidia.com/gpu: 1}}\n"
    assert parse(text, "boot.yaml", schemas=known)


def test_a_version_that_yaml_reads_as_a_number_is_told_how_to_write(known: dict[str, Any]) -> None:
    error = refused(GOOD.replace('"1.4"', "1.4"), known)
    assert error.message == 'boot.yaml:6: spec.version must be text; write it in quotes: version: "1.4"'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("JavaBoot", "JavaBot"), "did you mean JavaBoot?"),
        (("kind: JavaBoot", "kind: Deployment"), "kubectl apply"),
        (("logancloud.com/v1", "logancloud.com/v2"), "apiVersion must be app.logancloud.com/v1"),
        (('  image: "shop/pay"\n', ""), "spec.image is missing"),
        (("{name: pay}", "{}"), "metadata.name is missing"),
        (("kind: JavaBoot\n", ""), "it has no kind"),
    ],
)
def test_mistakes_and_their_words(change: tuple[str, str], words: str, known: dict[str, Any]) -> None:
    error = refused(GOOD.replace(*change), known)
    assert words in f"{error.message} {error.hint}"
    assert error.message.startswith("boot.yaml:")


def test_broken_yaml_names_the_line(known: dict[str, Any]) -> None:
    error = refused(GOOD + "\tx: 1\n", known)
    assert error.context["line"] == 7


def test_an_empty_file_is_told(known: dict[str, Any]) -> None:
    assert refused("# nothing\n---\n", known).code == "cli.manifest.empty"


def test_a_folder_is_all_its_manifests_and_nothing_twice(tmp_path: Path, known: dict[str, Any]) -> None:
    (tmp_path / "b.yaml").write_text(GOOD.replace("pay", "shop"))
    (tmp_path / "a.yml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("no yaml: [")
    assert [one.name for one in read_all([tmp_path], schemas=known)] == ["pay", "shop"]
    (tmp_path / "c.yaml").write_text(GOOD)
    with pytest.raises(UsageError, match="stands twice") as caught:
        read_all([tmp_path], schemas=known)
    assert caught.value.code == "cli.manifest.double"


def test_missing_files_and_folders_without_manifests(tmp_path: Path, known: dict[str, Any]) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(NotFoundError) as caught:
            read_all([path], schemas=known)
        assert "havok init" in caught.value.hint


def test_flags_alone_make_a_boot() -> None:
    flags = Flags(name="pay", kind="java", spec={"image": "shop/pay", "version": "1.4", "replicas": 2})
    (one,) = gather([], flags)
    assert one.object["spec"] == {"image": "shop/pay", "version": "1.4", "replicas": 2}
    with pytest.raises(UsageError, match="--kind is missing"):
        gather([], Flags(name="pay", spec=flags.spec))


def test_flags_replace_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "boot.yaml"
    file.write_text(GOOD)
    (one,) = gather([file], Flags(spec={"version": "1.5"}))
    assert one.object["spec"] == {"image": "shop/pay", "version": "1.5"}
    file.write_text(f"{GOOD}---\n{GOOD.replace('pay', 'shop')}")
    with pytest.raises(UsageError, match="the files have 2"):
        gather([file], Flags(spec={"version": "1.5"}))
    assert [one.name for one in gather([file], Flags(name="shop", spec={"version": "2"}))] == ["shop"]
    with pytest.raises(HavokError, match="no Boot called nix"):
        gather([file], Flags(name="nix"))
