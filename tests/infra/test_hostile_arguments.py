"""With any arguments a command ends with a status and a message, never with a traceback."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.cli import _COMMANDS, load_command, main
from infra.local.errors import NotReady
from streams.errors import KafkaFailed


def no_kafka(*_: object) -> NoReturn:
    raise KafkaFailed("there is no Kafka here")


def no_server(*_: object) -> NoReturn:
    raise NotReady("there is no server here")


class FailedBenchmark(nullcontext[Any]):
    """The process of a benchmark that has failed already."""

    returncode = 2

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__(self)

    def communicate(self) -> tuple[bytes, None]:
        return b"", None


@pytest.fixture(scope="module", autouse=True)
def _without_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A fresh working folder with odd files in it, no server within reach, and no benchmark that runs."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "empty").write_bytes(b"")
    (folder / "binary").write_bytes(bytes(range(256)))
    (folder / "list.json").write_bytes(b"[1, [2]]")
    (folder / "rows.csv").write_bytes(b"text,label\na,b\n")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("UNDERSTUDY_")]:
            patch.delenv(name)
        patch.chdir(folder)
        patch.setenv("UNDERSTUDY_DATA", str(folder / "data"))
        patch.setenv("UNDERSTUDY_REDIS__URL", "redis://127.0.0.1:1/0")
        patch.setenv("UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
        patch.setattr("streams.kafka.clients.open_client", no_kafka)
        patch.setattr("streams.kafka.topic_admin.open_client", no_kafka)
        patch.setattr("infra.serve.servers.EmbeddedKafka", no_server)
        patch.setattr("infra.console.benchmark.subprocess", SimpleNamespace(Popen=FailedBenchmark, PIPE=None))
        yield


def words_of(command: Any) -> list[str]:
    """Its options and subcommands, and theirs."""
    words = [name for option in command.params for name in option.opts if name.startswith("-")]
    for name, part in getattr(command, "commands", {}).items():
        words += [name, *words_of(part)]
    return words


# What an operating system can hand over: no NUL, but bytes that are no UTF-8, as lone surrogates.
_TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
    max_size=12,
)
_ODD = ("", "-", "--", "-1", "0", "1e999", "nan", "..", "/", ".", "*", "v1", "task", "a=b", "a.b=1", "a=[1")
_FILES = ("empty", "binary", "list.json", "rows.csv", "missing", "data/x", "x" * 300)


def run(arguments: list[str]) -> tuple[int, str]:
    """Exit status and standard error, in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["understudy", *arguments])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff{}\n"), "utf-8"))
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0), err.getvalue()


@pytest.mark.parametrize("name", _COMMANDS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_argument_ends_in_a_traceback(name: str, data: st.DataObject) -> None:
    known = st.sampled_from([*words_of(load_command(name)), *_ODD, *_FILES])
    arguments = data.draw(st.lists(known | _TEXTS, max_size=6), label="arguments")
    status, err = run([name, *arguments])
    assert status in {0, 1, 2}
    assert status != 2 or err.strip()
    assert not Path("data").exists()
