"""An Engine.IO session's WebSocket, as far as it doesn't take the protocol to see it."""

from __future__ import annotations

from typing import Any

import pytest

from rtserver.transport.reading_turns import COMPRESSED_TURN, TURN
from tests.support.engine import message_frame, serve, until


@pytest.mark.parametrize(("extension", "turn"), [("", TURN), ("permessage-deflate", COMPRESSED_TURN)])
async def test_others_have_their_turn_while_one_sends_much_at_once(extension: str, turn: int) -> None:
    async with serve(per_message_deflate=True) as served:
        await served.open_websocket(headers=f"Sec-WebSocket-Extensions: {extension}\r\n")
        session: Any = served.handler.session
        frames = [message_frame(f"4{number:05}") for number in range(20_000)]
        session.carrier.data_received(b"".join(frames))
        messages = served.handler.messages
        assert messages.qsize() == turn // len(frames[0])
        await until(lambda: messages.qsize() == len(frames))
        assert [messages.get_nowait() for _ in frames] == [f"{number:05}" for number in range(20_000)]
