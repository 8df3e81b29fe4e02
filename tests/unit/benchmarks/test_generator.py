"""The compiled load generator against a server that answers rightly, and against one that doesn't."""

import asyncio
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import generator as module
from benchmarks.generator import BuildError, Generator, LoadError, compile_program, parse

needs_compiler = pytest.mark.skipif(
    shutil.which("gcc") is None and shutil.which("cc") is None, reason="no C compiler"
)

UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
Answer = Callable[[str], list[str]]


def text_frame(text: str) -> bytes:
    payload = text.encode()
    return bytes([0x81, len(payload)]) + payload


def truly(packet: str) -> list[str]:
    found = re.fullmatch(r'42(\d+)\["echo",(.*)\]', packet)
    assert found is not None
    return [f"43{found[1]}[{found[2]}]"]


def twice(packet: str) -> list[str]:
    return truly(packet) * 2


def with_other_id(packet: str) -> list[str]:
    return [truly(packet)[0].replace("43100000", "43100001")]


def with_other_payload(packet: str) -> list[str]:
    return [truly(packet)[0].replace("abc", "abd")]


def cut_short(packet: str) -> list[str]:
    return [truly(packet)[0].replace("abc", "ab")]


async def run_against(answer: Answer, mode: str = "echo") -> dict[str, Any]:
    """Run the generator for a moment against a server that answers each event with `answer`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(UPGRADED + text_frame('0{"sid":"x"}') + text_frame("2"))
            while True:
                first, length = await reader.readexactly(2)
                length &= 0x7F
                key = await reader.readexactly(4)
                masked = await reader.readexactly(length)
                text = bytes(byte ^ key[at & 3] for at, byte in enumerate(masked)).decode("latin-1")
                if first == 0x88:
                    writer.write(b"\x88\x00")
                    break
                if text == "40":
                    writer.write(text_frame('40{"sid":"y"}'))
                elif text != "3":
                    writer.write(b"".join(map(text_frame, answer(text))))
        except asyncio.IncompleteReadError:
            pass  # the generator has ended with an error, as it should
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    generator = Generator(max(os.sched_getaffinity(0)), spin=False)
    async with server:
        return await asyncio.to_thread(
            generator.run, mode, [port], [os.getpid()], connections=1, payload=16, warmup=0.05, duration=0.1
        )


@needs_compiler
async def test_right_answers_are_counted() -> None:
    result = await run_against(truly)
    assert result["count"] > 0
    assert result["rate"] == pytest.approx(result["count"] / result["seconds"], rel=0.01)


@needs_compiler
async def test_fan_out_counts_whole_broadcasts() -> None:
    result = await run_against(lambda packet: [packet], "fanout")
    assert result["count"] > 0
    assert result["reordered"] == 0


@needs_compiler
async def test_connections_go_to_the_servers_of_a_cluster_in_turns() -> None:
    accepted = [0, 0]

    async def refuse(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted[number] += 1
        if sum(accepted) == 4:
            writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        with suppress(ConnectionError):
            await reader.read()  # the generator has ended
        writer.close()

    servers = [await asyncio.start_server(partial(refuse, number), "127.0.0.1", 0) for number in range(2)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    generator = Generator(max(os.sched_getaffinity(0)), spin=False)
    with pytest.raises(LoadError, match="403"):
        await asyncio.to_thread(generator.run, "echo", ports, [], connections=4)
    assert accepted == [2, 2]
    for server in servers:
        server.close()
        await server.wait_closed()


@needs_compiler
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda packet: [packet, packet], "received broadcast 0 twice or never sent"),
        (lambda packet: [packet.replace("00000000", "00000007")], "received broadcast 7 twice or never sent"),
        (lambda packet: [packet.replace("xx", "xy", 1)], "expected a broadcast of 28 bytes"),
    ],
)
async def test_a_wrong_broadcast_ends_the_run(answer: Answer, error: str) -> None:
    with pytest.raises(LoadError, match=re.escape(error)):
        await run_against(answer, "fanout")


@needs_compiler
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (twice, "ack 100000 came while 100001 was expected"),
        (with_other_id, "ack 100001 came while 100000 was expected"),
        (with_other_payload, "ack 100000 holds another payload than was sent"),
        (cut_short, "expected an ack of 28 bytes, received 27"),
        (lambda packet: ["6", *truly(packet)], "expected an ack of 28 bytes, received 1: 6"),
    ],
)
async def test_a_wrong_answer_ends_the_run(answer: Answer, error: str) -> None:
    with pytest.raises(LoadError, match=re.escape(error)):
        await run_against(answer)


@needs_compiler
def test_a_program_that_does_not_compile_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUILD", tmp_path / "build")
    source = tmp_path / "broken.c"
    source.write_text("int main(void) { return missing; }\n")
    with pytest.raises(BuildError, match="missing"):
        compile_program("broken", [source])
    assert not (tmp_path / "build" / "broken").exists()


def test_an_error_of_the_generator_is_raised() -> None:
    with pytest.raises(LoadError, match="an ack came twice"):
        parse('{"error": "an ack came twice"}\n', 1)


def test_a_generator_that_dies_is_an_error() -> None:
    with pytest.raises(LoadError, match="status -11"):
        parse("", -11)
