"""The command line loads what a command needs and no more, and ends with the status that it promises."""

import subprocess
import sys
from importlib.metadata import version

import pytest
import typer

from infra.cli import _COMMANDS, command_line, load_command, main
from streams.errors import InvalidSettings, StreamsError, TransitionRefused

_HEAVY = ("infra.commands", "models", "streams", "numpy", "confluent_kafka", "faust", "redis", "onnxruntime")


@pytest.mark.parametrize("name", _COMMANDS)
def test_the_table_says_what_each_command_says(name: str) -> None:
    command = load_command(name)
    assert command.name == name
    assert command.get_short_help_str(1000) == _COMMANDS[name].summary
    assert all(option.help for option in command.params if option.name != "help")


def test_help_loads_no_command() -> None:
    code = "import sys; from infra.cli import command_line\ntry: command_line()(['--help'])\n"
    code += "except SystemExit: print(sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(f" {name} " in shown for name in _COMMANDS)
    modules = shown.splitlines()[-1]
    assert [name for name in _HEAVY if f"'{name}'" in modules] == []


def test_an_unknown_command_gets_a_suggestion(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line()(["statsu"])
    assert ended.value.code == 2
    assert "Did you mean 'status'?" in capfd.readouterr().err


def test_the_version_is_that_of_the_package(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line()(["--version"])
    assert ended.value.code == 0
    assert capfd.readouterr().out == f"understudy {version('understudy')}\n"


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (StreamsError("Kafka is away"), 2, "understudy: Kafka is away\n"),
        (TransitionRefused("v1 is live"), 1, "understudy: refused: v1 is live\n"),
        (InvalidSettings(["one", "two"]), 2, "settings: one\nsettings: two\n"),
        (PermissionError(13, "Permission denied", "a/b"), 2, "understudy: a/b: Permission denied\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_expected_errors_end_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    says: str,
) -> None:
    def fail(_name: str) -> typer.core.TyperCommand:
        raise error

    monkeypatch.setattr(sys, "argv", ["understudy", "ask", "hello"])
    monkeypatch.setattr("infra.cli.load_command", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    assert capfd.readouterr().err == says


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_name: str) -> typer.core.TyperCommand:
        raise ZeroDivisionError

    monkeypatch.setattr(sys, "argv", ["understudy", "ask", "hello"])
    monkeypatch.setattr("infra.cli.load_command", fail)
    with pytest.raises(ZeroDivisionError):
        main()
