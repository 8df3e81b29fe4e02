from __future__ import annotations

import asyncio
import logging

import pytest

from rtserver.ids import veiled
from rtserver.server.logged import client_fields, clients_fields
from tests.unit.server.harness import SID, Harness, turns

CONNECTION = {"connection": veiled(SID), "address": "203.0.113.7"}


async def test_a_client_in_one_namespace_is_known_by_it() -> None:
    harness = Harness(namespaces=("/", "/b"))
    session = harness.session()
    client = session.context
    assert clients_fields(client) == CONNECTION
    sid = session.join()
    assert clients_fields(client) == CONNECTION | {"client": sid, "namespace": "/"}
    session.join("/b")
    assert clients_fields(client) == CONNECTION
    _, other = client.sockets()
    assert client_fields(other, event="x") == CONNECTION | {
        "client": other.sid,
        "namespace": "/b",
        "event": "x",
    }


async def test_a_client_that_is_being_let_in_is_known_too() -> None:
    harness = Harness()

    @harness.sio.event
    async def connect(sid: str, environ: object) -> None:
        await asyncio.Event().wait()

    session = harness.session()
    session.receive("0")
    assert clients_fields(session.context)["namespace"] == "/"


async def test_lines_have_fields_and_the_session_s_own_id_is_in_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    harness = Harness(verbose=True)
    session = harness.session()
    sid = session.join()

    @harness.sio.event
    async def fails(sid: str) -> None:
        raise ZeroDivisionError

    await harness.sio.enter_room(sid, "room")
    session.receive('2["fails"]', "no packet")
    await turns()
    fields = [(record.__dict__.get("client"), record.__dict__.get("event")) for record in caplog.records]
    assert fields == [(sid, None), (sid, None), (sid, "fails"), (sid, "fails"), (sid, None), (sid, None)]
    assert {record.__dict__["namespace"] for record in caplog.records} == {"/"}
    assert all(SID not in str(record.__dict__) for record in caplog.records)
    assert caplog.records[-1].__dict__["reason"] == "parse error"
