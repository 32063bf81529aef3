"""One invocation: dispatch, exit codes, streams, and the words of what went wrong."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from havok.cli.catalogue import pages
from havok.cli.commands import COMMANDS
from havok.cli.console import Console
from havok.cli.main import main

ENVIRONMENT = {"HAVOK_LANG": "en", "HOME": "/nonexistent", "PATH": os.environ["PATH"]}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def invoke(*words: str, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    console = Console(stdin=io.StringIO(), stdout=out, stderr=err, environ={**ENVIRONMENT, **environ})
    return main(words, console), out.getvalue(), err.getvalue()


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_every_command_on_standard_output(words: tuple[str, ...]) -> None:
    code, out, err = invoke(*words)
    assert (code, err) == (0, "")
    assert all(f"  {entry.name}" in out for entry in COMMANDS)


def test_help_needs_no_parser_and_no_network_library_and_is_quick() -> None:
    program = (
        "import sys; from havok.cli.main import run; sys.argv = ['havok', '--help']\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "bad = {'typer', 'rich', 'aiohttp', 'structlog', 'yaml', 'asyncio'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=30)
    assert time.monotonic() - started < 2.0  # 60 ms on an idle machine; the budget stands in benchmarks


def test_an_unknown_command_names_the_nearest() -> None:
    code, out, err = invoke("delpoy")
    assert (code, out) == (2, "")
    assert err == "error: havok has no command delpoy [cli.command.unknown]\n  did you mean `havok deploy`?\n"


def test_an_unknown_option_names_the_nearest() -> None:
    code, _, err = invoke("init", "--forse")
    assert code == 2
    assert "havok init has no option --forse" in err
    assert "did you mean --force?" in err


def test_a_missing_argument_and_a_value_that_is_no_number() -> None:
    assert invoke("completion")[2].startswith("error: havok completion needs SHELL [cli.argument.missing]")
    code, _, err = invoke("open", "x", "--port", "many")
    assert code == 2
    assert "--port is not right" in err


def test_errors_speak_chinese() -> None:
    code, _, err = invoke("delpoy", HAVOK_LANG="zh")
    assert code == 2
    assert err.startswith("错误: havok 没有命令 delpoy [cli.command.unknown]")


def test_errors_are_json_for_programs_and_stay_english() -> None:
    code, out, err = invoke("get", "bots", "-o", "json", HAVOK_LANG="zh")
    body = json.loads(err)["error"]
    assert (code, out, body["code"], body["exitCode"]) == (2, "", "cli.kind.unknown", 2)
    assert body["message"] == "havok knows no kind of thing called bots"


def test_a_missing_kubeconfig_says_what_to_do(tmp_path: Path) -> None:
    code, out, err = invoke("get", "boots", "--kubeconfig", str(tmp_path / "none"))
    assert (code, out) == (3, "")
    assert "kube.config" in err


def test_an_unforeseen_error_names_its_file_and_v_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_words: object, **_more: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("havok.cli.help.root_page", broken)
    code, _, err = invoke("--help")
    assert code == 1
    assert "[cli.defect]" in err
    assert "by nought" not in err
    path = Path(err.split("the details are in ")[1].split(";")[0])
    assert "by nought" in path.read_text("utf-8")
    path.unlink()
    _, _, err = invoke("-v", "--help")
    assert "ZeroDivisionError: by nought" in err
    Path(err.split("the details are in ")[1].split(";")[0]).unlink()


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("havok.cli.help.root_page", interrupted)
    assert invoke("--help")[0] == 130


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m havok.cli.main explain | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_explain_tells_codes_with_their_exit() -> None:
    code, out, _ = invoke("explain", "cli.boot.missing")
    assert code == 0
    assert "there is no Boot called {name} in namespace {namespace}" in out
    assert "exit code 3: not found" in out
    assert invoke("--explain", "cli.boot.missing")[1] == out
    assert invoke("--explain=cli.boot.missing")[1] == out
    assert "deploy.crash_loop" in pages()
    code, _, err = invoke("explain", "cli.boot.mising")
    assert (code, "did you mean cli.boot.missing?" in err) == (3, True)


def test_version_without_a_cluster() -> None:
    code, out, err = invoke("version", "--client")
    assert (code, err) == (0, "")
    assert out.startswith("havok ")
    assert invoke("--version")[1] == out


def test_every_command_has_a_help_page_in_both_languages() -> None:
    for entry in COMMANDS:
        if entry.group == "cluster":
            continue
        for lang in ("en", "zh"):
            code, out, err = invoke(entry.name, "--help", HAVOK_LANG=lang)
            assert (code, err) == (0, ""), entry.name
            assert f"havok {entry.name}" in out
            assert invoke("help", entry.name, HAVOK_LANG=lang)[1] == out


def test_init_writes_once_and_never_over(tmp_path: Path) -> None:
    folder = tmp_path / "payShop"
    folder.mkdir()
    (folder / "pom.xml").write_text("<project/>")
    code, out, err = invoke("init", str(folder))
    assert (code, out) == (0, f"{folder / 'boot.yaml'}\n")
    assert "JavaBoot, told by pom.xml" in err
    assert "next: havok deploy" in err
    text = (folder / "boot.yaml").read_text()
    assert "metadata: {name: pay-shop}" in text
    code, _, err = invoke("init", str(folder), "--name", "other")
    assert (code, "cli.init.exists" in err) == (5, True)
    assert (folder / "boot.yaml").read_text() == text
    assert invoke("init", str(folder), "--name", "other", "--force")[0] == 0
    assert "{name: other}" in (folder / "boot.yaml").read_text()


def test_init_of_an_unknown_folder_and_of_bad_words(tmp_path: Path) -> None:
    assert "cli.init.unknown" in invoke("init", str(tmp_path))[2]
    assert "cli.init.folder" in invoke("init", str(tmp_path / "none"))[2]
    assert "did you mean java?" in invoke("init", str(tmp_path), "--kind", "jva")[2]
    assert "for example pay-x" in invoke("init", str(tmp_path), "--kind", "java", "--name", "Pay_X")[2]


def test_questions_are_asked_on_terminals_only() -> None:
    def console(answer: str, **environ: str) -> tuple[Console, Terminal]:
        err = Terminal()
        shown = {"TERM": "xterm", "HAVOK_LANG": "en", **environ}
        return Console(stdin=Terminal(answer), stdout=io.StringIO(), stderr=err, environ=shown), err

    yes, err = console("y\n")
    assert yes.confirm("delete it?", flag="--yes")
    assert err.getvalue() == "delete it? [y/N] "
    assert not console("\n")[0].confirm("delete it?", flag="--yes")
    silent, _ = console("y\n")
    silent.no_input = True
    with pytest.raises(Exception, match="nobody can be asked"):
        silent.confirm("delete it?", flag="--yes")


def test_colour_and_motion_need_a_terminal_that_wants_them() -> None:
    def painted(stream: io.StringIO, **environ: str) -> str:
        console = Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=stream, environ=environ)
        return console.paint("x", "red")

    assert painted(Terminal(), TERM="xterm") == "\033[1;31mx\033[0m"
    assert painted(Terminal(), TERM="xterm", NO_COLOR="1") == "x"
    assert painted(Terminal(), TERM="dumb") == "x"
    assert painted(io.StringIO(), TERM="xterm") == "x"


def test_a_wait_repeats_itself_only_when_the_matter_changes() -> None:
    now = [0.0]
    err = io.StringIO()
    console = Console(stdout=io.StringIO(), stderr=err, environ={}, monotonic=lambda: now[0])
    with console.waiting() as line:
        for second in range(40):
            now[0] = float(second)
            line.show(f"1 of 2 pods ready; pod x: pulling image, {second} s")
        line.show("2 of 2 pods ready")
    assert err.getvalue().splitlines() == [
        "1 of 2 pods ready; pod x: pulling image, 0 s",
        "1 of 2 pods ready; pod x: pulling image, 30 s",
        "2 of 2 pods ready",
    ]


def test_what_is_awaited_of_several_things_is_told_apart() -> None:
    err = io.StringIO()
    console = Console(stdout=io.StringIO(), stderr=err, environ={})
    with console.waiting() as line:
        for text in ("a: 1 s", "a: 2 s"):
            line.show(text, about="a")
            line.show("b: pulling", about="b")
    assert err.getvalue().splitlines() == ["a: 1 s", "b: pulling"]


def test_a_wait_on_a_terminal_is_one_line_that_goes_away() -> None:
    err = Terminal()
    console = Console(stdout=io.StringIO(), stderr=err, environ={"TERM": "xterm"})
    with console.waiting() as line:
        line.show("一" * 100)
    drawn = err.getvalue()
    assert "\n" not in drawn
    assert drawn.count("一") == 39
    assert drawn.endswith("\r\033[K")
