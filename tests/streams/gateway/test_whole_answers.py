import asyncio
from collections.abc import Iterable

from streams.gateway.whole_answers import WholeAnswers

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class RecordingTransport(asyncio.Transport):
    """Attributes:
    sent: what was given to the kernel at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        list_of_data = list(list_of_data)
        assert all(list_of_data), "asyncio tries to send an empty one for ever"
        self.sent.append(b"".join(list_of_data))

    def close(self) -> None:
        self.sent.append(b"(closed)")

    def is_closing(self) -> bool:
        return b"(closed)" in self.sent


async def test_head_and_body_are_sent_together() -> None:
    transport = RecordingTransport()
    answers = WholeAnswers(asyncio.get_running_loop(), transport)
    for body in (b"four", b""):
        answers.write(HEAD)
        answers.write(body)
    await asyncio.sleep(0)
    assert transport.sent == [HEAD + b"four", HEAD]


async def test_a_head_does_not_wait_for_a_body_that_comes_later() -> None:
    transport = RecordingTransport()
    answers = WholeAnswers(asyncio.get_running_loop(), transport)
    answers.write(HEAD)
    await asyncio.sleep(0)
    assert transport.sent == [HEAD]
    answers.write(b"fo")
    answers.write(b"ur")
    await asyncio.sleep(0)
    assert transport.sent == [HEAD, b"fo", b"ur"]


async def test_a_head_is_sent_before_the_end() -> None:
    transport = RecordingTransport()
    answers = WholeAnswers(asyncio.get_running_loop(), transport)
    answers.write(HEAD)
    answers.close()
    await asyncio.sleep(0)
    assert transport.sent == [HEAD, b"(closed)"]
    assert answers.is_closing()


async def test_a_head_for_a_client_that_has_gone_is_dropped() -> None:
    transport = RecordingTransport()
    answers = WholeAnswers(asyncio.get_running_loop(), transport)
    answers.write(HEAD)
    transport.close()
    await asyncio.sleep(0)
    assert transport.sent == [b"(closed)"]
