"""No command, log line, event or error prints the password in a URL."""

import logging
from io import StringIO

import pytest

from schemas.codec import EVENT
from schemas.config import TeacherConfig
from streams.errors import KafkaFailed
from streams.gateway.problems import unavailable
from streams.kafka.dead_letters import DeadLetters
from streams.log_masking import MaskingFormatter, mask_log
from streams.roles.config import answer_event
from streams.settings import Settings
from streams.teacher.client import error_reply
from tests.infra.commands.room import Room
from tests.infra.conftest import Run
from tests.streams.fakes import message
from tests.streams.teacher.test_client import deferral

HIDDEN = "s3cr3t"
URL = f"http://me:{HIDDEN}@127.0.0.1:1/v1"
SHOWN = "http://me:***@127.0.0.1:1/v1"


def test_no_command_prints_a_password(understudy: Run, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = f"embedder=endpoint:{URL}#m"
    commands = [
        ("config", "set", "shop", f"teacher.url={URL}", "teacher.model=m", endpoint),
        ("config", "get", "shop"),
        ("consume", "config", "--no-follow", "--from-start"),
        ("status",),
        ("status", "--json"),
        ("tasks", "list"),
        ("policies", "list", "shop"),
    ]
    printed = [understudy(*command) for command in commands]
    assert SHOWN in printed[0].out + printed[0].err
    assert all(SHOWN in ended.out for ended in printed[1:3])
    with monkeypatch.context() as patch:
        patch.setenv("UNDERSTUDY_REDIS__URL", f"redis://me:{HIDDEN}@127.0.0.1:1/0")
        printed += [understudy(*command) for command in (("status",), ("policies", "list", "shop"))]
        patch.setenv("UNDERSTUDY_REDIS__URL", f"redis://me:{HIDDEN}@127.0.0.1:1/x?socket_timeout=y")
        printed.append(understudy("status"))
    assert all(HIDDEN not in ended.out + ended.err for ended in printed)


def test_a_masked_url_is_not_written_back(understudy: Run, settings: Settings) -> None:
    refused = understudy("config", "set", "shop", f"teacher.url={SHOWN}")
    assert refused.status == 2
    assert "write the whole URL" in refused.err


def test_nothing_that_workers_write_holds_a_password() -> None:
    error = KafkaFailed(f"{URL} is away")
    with pytest.raises(KafkaFailed) as raised:
        raise error
    record = logging.LogRecord("x", logging.ERROR, "", 1, "at %s", (URL,), (KafkaFailed, error, raised.tb))
    override = f'{{"teacher": {{"url": "{URL}"}}, "embedder": "endpoint:{URL}#m"}}'.encode()
    letter = DeadLetters("dead", "route").failure(message(b"{}"), error)
    written = [
        MaskingFormatter(logging.Formatter()).format(record),
        str(letter.headers),
        EVENT.encode(answer_event(message(override, key=b"t"), 1)).decode(),
        unavailable(f"{URL} is away").encode().decode(),
        str(error_reply(deferral(), TeacherConfig(), f"{URL} is away").error),
    ]
    assert all(HIDDEN not in text for text in written)
    assert all(SHOWN in text for text in written)


def test_a_log_that_others_have_set_up_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(stream)])
    mask_log()
    mask_log()
    logging.getLogger("other").error("asked %s", URL)
    assert stream.getvalue() == f"asked {SHOWN}\n"
