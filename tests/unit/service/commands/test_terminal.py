"""Lines from a pipe and from a file."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtserver.service.commands.terminal import typed_lines


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)


async def test_lines_of_a_pipe_come_as_they_are_written(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    lines = typed_lines(reader)
    os.write(writer, b"one\ntw")
    assert await anext(lines) == "one"
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    assert not waiting.done()
    os.write(writer, "o é\n".encode())
    assert await waiting == "two é"
    os.write(writer, b"last")
    os.close(writer)
    assert [line async for line in lines] == ["last"]


async def test_wrong_utf8_is_replaced(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.write(writer, b"\xff\n")
    os.close(writer)
    assert [line async for line in typed_lines(reader)] == ["\ufffd"]


async def test_lines_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("one\n\ntwo")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert [line async for line in typed_lines(descriptor)] == ["one", "", "two"]
    finally:
        os.close(descriptor)
