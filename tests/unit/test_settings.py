"""Settings: where each comes from, who wins, and what a mistake says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok import settings
from havok.errors import UsageError
from havok.settings import REGISTRY, Settings

SAMPLES = {
    str: st.text(min_size=1),
    int: st.integers(0, 65535),
    float: st.floats(0, 1e6),
    bool: st.booleans(),
}
NAMES = [setting.name for setting in REGISTRY]


def load(tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, **flags: object) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text, "utf-8")
    given = {name.replace("__", "."): value for name, value in flags.items()}
    return Settings.load(flags=given, environ=environ or {}, file=file)


def test_names_are_unique_and_end_in_one_variable_each() -> None:
    assert len(set(NAMES)) == len(REGISTRY)
    assert len({setting.variable for setting in REGISTRY}) == len(REGISTRY)


@pytest.mark.parametrize("setting", REGISTRY, ids=lambda setting: setting.name)
def test_every_setting_is_whole(setting: settings.Setting) -> None:
    assert type(setting.default) is setting.type
    assert setting.name.count(".") == 1 and setting.name.islower()
    assert setting.doc.endswith(".") and len(setting.doc) > 30


def test_without_a_word_everything_is_its_default(tmp_path: Path) -> None:
    loaded = Settings.load(environ={"HOME": str(tmp_path)})
    for setting in REGISTRY:
        assert loaded.get(setting.name, setting.type) == setting.default


def test_the_later_wins(tmp_path: Path) -> None:
    text = "[cluster]\napi_port = 1\n"
    variable = {"HAVOK_CLUSTER_API_PORT": "2"}
    assert load(tmp_path).get("cluster.api_port", int) == 0
    assert load(tmp_path, text).get("cluster.api_port", int) == 1
    assert load(tmp_path, text, variable).get("cluster.api_port", int) == 2
    assert load(tmp_path, text, variable, cluster__api_port=3).get("cluster.api_port", int) == 3


def test_a_flag_that_was_not_given_does_not_win(tmp_path: Path) -> None:
    loaded = load(tmp_path, "[cluster]\napi_port = 1\n", cluster__api_port=None)
    assert loaded.get("cluster.api_port", int) == 1


@given(st.data())
def test_a_value_in_the_environment_is_read_as_its_type(data: st.DataObject) -> None:
    setting = data.draw(st.sampled_from(REGISTRY))
    value = data.draw(SAMPLES[setting.type])
    text = str(value).lower() if setting.type is bool else str(value)
    loaded = Settings.load(environ={setting.variable: text, "HAVOK_CONFIG": "/nowhere"})
    assert loaded.get(setting.name, setting.type) == value


@pytest.mark.parametrize(
    ("text", "environ", "flags", "nearest"),
    [
        ("[cluster]\napi_prot = 1\n", {}, {}, "cluster.api_port"),
        ("[clutser]\nhome = '/'\n", {}, {}, "cluster.home"),
        ("home = '/'\n", {}, {}, "cluster.home"),
        ("", {"HAVOK_CLUSTER_MIROR": ""}, {}, "cluster.mirror"),
        ("", {}, {"log__levle": "info"}, "log.level"),
    ],
)
def test_an_unknown_name_tells_the_nearest(
    tmp_path: Path, text: str, environ: dict[str, str], flags: dict[str, object], nearest: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text, environ, **flags)
    assert caught.value.code == "settings.unknown"
    assert nearest in caught.value.hint


@given(st.text("abcdefghijklmnopqrstuvwxyz._", min_size=1, max_size=30))
def test_any_unknown_name_is_told_and_nothing_else(name: str) -> None:
    if name in NAMES:
        return
    with pytest.raises(UsageError) as caught:
        settings.known(name, "flag")
    assert caught.value.context["nearest"] in NAMES


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("[cluster]\napi_port = 'many'\n", {}),
        ("[cluster]\ndurable = 7.5\n", {}),
        ("[cluster]\nhome = [1]\n", {}),
        ("", {"HAVOK_CLUSTER_API_PORT": "16443.5"}),
        ("", {"HAVOK_CLUSTER_DURABLE": "perhaps"}),
    ],
)
def test_a_value_of_another_type_says_what_it_must_be(
    tmp_path: Path, text: str, environ: dict[str, str]
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text, environ)
    assert caught.value.code == "settings.invalid"
    assert " must be " in caught.value.message


@pytest.mark.parametrize("content", [b"[cluster\n", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_a_broken_file_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        Settings.load(environ={"HAVOK_CONFIG": str(file)})
    assert caught.value.code == "settings.file.unreadable"
    assert str(file) in caught.value.message
    assert file.read_bytes() == content


def test_the_file_is_looked_for_where_the_person_keeps_settings(tmp_path: Path) -> None:
    folder = tmp_path / "xdg" / "havok"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[log]\nlevel = 'debug'\n")
    loaded = Settings.load(environ={"XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    assert loaded.get("log.level", str) == "debug"


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.load(environ={}, file=tmp_path / "absent.toml")
    assert caught.value.code == "settings.file.unreadable"


def test_variables_of_others_are_not_ours(tmp_path: Path) -> None:
    environ = {"HAVOK_LANG": "zh", "HAVOKS": "1", "PATH": "/bin", "HVK_CLUSTER": "a"}
    assert load(tmp_path, "", environ).get("log.level", str) == "info"


def test_asking_for_a_wrong_type_or_name_is_a_defect_of_ours(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    with pytest.raises(TypeError):
        loaded.get("cluster.api_port", str)
    with pytest.raises(KeyError):
        loaded.get("cluster.nothing", str)
