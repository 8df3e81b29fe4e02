"""The demo in Chromium: people at the page and one at the terminal talk to each other through the service."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from .harness.demo import Chatter, Network, Service, TerminalChatter, Witness

# One loop for all of them, because they share the browser: it takes longer to start than a test to run.
pytestmark = pytest.mark.asyncio(loop_scope="module")

Arrive = Callable[..., Awaitable[Chatter]]
Dial = Callable[..., TerminalChatter]


@pytest_asyncio.fixture(loop_scope="module")
async def service() -> AsyncIterator[Service]:
    async with Service() as service:
        yield service


@pytest_asyncio.fixture(loop_scope="module")
async def network(service: Service) -> AsyncIterator[Network]:
    network = Network(service)
    await network.open()
    yield network
    await network.cut()


@pytest_asyncio.fixture(loop_scope="module")
async def arrive(browser: Browser, network: Network) -> AsyncIterator[Arrive]:
    """Open the page and join a room, unless the name is empty."""
    chatters: list[Chatter] = []

    async def arrive(nick: str, room: str = "lobby", *, websocket: bool = True) -> Chatter:
        chatters.append(await Chatter.open(browser, network.url, websocket=websocket))
        if nick:
            await chatters[-1].join(nick, room)
        return chatters[-1]

    yield arrive
    for chatter in chatters:
        await chatter.close()
    assert [error for chatter in chatters for error in chatter.errors] == []


@pytest_asyncio.fixture(loop_scope="module")
async def dial(network: Network) -> AsyncIterator[Dial]:
    """Join a room from the terminal."""
    chatters: list[TerminalChatter] = []

    def dial(nick: str, room: str = "lobby") -> TerminalChatter:
        chatters.append(TerminalChatter(network.url, nick, room))
        return chatters[-1]

    yield dial
    for chatter in chatters:
        await chatter.close()


@pytest_asyncio.fixture(loop_scope="module")
async def witness(service: Service) -> AsyncIterator[Witness]:
    witness = await Witness.join(service)
    yield witness
    await witness.close()


def png(width: int = 120, height: int = 80) -> bytes:
    """Make a picture; its noise makes it large enough to be interesting."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    pixels, state = bytearray(), 1
    for _ in range(height):
        pixels.append(0)
        for _ in range(3 * width):
            state = state * 48271 % 0x7FFFFFFF
            pixels.append(state & 0xFF)
    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(pixels))), chunk(b"IEND", b""))
    )


class TestTalking:
    async def test_two_browsers_and_a_terminal_in_one_room(self, arrive: Arrive, dial: Dial) -> None:
        ada, grace = await arrive("Ada"), await arrive("Grace")
        bob = dial("Bob")
        await bob.reads(r"in #lobby as Bob, with Ada, Grace")
        await expect(ada.page.locator("#member-list bdi")).to_have_text(["Ada", "Bob", "Grace"])
        await ada.say("one")
        await grace.has_messages("one")
        await bob.reads(r"\d\d:\d\d Ada: one$")
        await bob.client.typed("two")
        await bob.reads(r"✓ two \(delivered to 2\)")
        await ada.has_messages("one", "two")
        await grace.say("three")
        for chatter in (ada, grace):
            await chatter.has_messages("one", "two", "three")
        await bob.reads(r"Grace: three$")
        await ada.all_delivered(1)
        state = ada.message("one").locator(".state")
        await expect(state).to_have_attribute("title", "Delivered to 2 here")

    async def test_markup_stays_text(self, arrive: Arrive) -> None:
        ada, grace = await arrive("<b>Ada</b>"), await arrive("Grace")
        hostile = '<img src=x onerror="document.title=1"> <script>document.title=1</script>'
        await ada.say(hostile)
        await grace.has_messages(hostile)
        await expect(grace.page.locator(".author")).to_have_text("<b>Ada</b>")
        assert await grace.page.locator(".text img, .text script, .author b").count() == 0
        assert await grace.page.title() != "1"

    async def test_typing_is_seen_and_ends_with_the_message(self, arrive: Arrive) -> None:
        ada, grace = await arrive("Ada"), await arrive("Grace")
        await ada.page.locator("#text").press_sequentially("hel")
        await expect(grace.page.locator("#typing")).to_have_text("Ada is typing")
        await ada.say("hello")
        await grace.has_messages("hello")
        await expect(grace.page.locator("#typing")).to_have_text("")

    async def test_history_for_who_comes_later(self, arrive: Arrive, dial: Dial) -> None:
        bob = dial("Bob", "tea")
        await bob.client.typed("milk first")
        await bob.reads("✓ milk first")
        ada = await arrive("Ada", "tea")
        await ada.has_messages("milk first")


class TestRooms:
    async def test_a_name_that_is_taken_is_refused_in_the_dialog(self, arrive: Arrive) -> None:
        await arrive("Ada")
        other = await arrive("")
        await other.page.fill("#nick", "ADA")
        await other.page.click("#welcome-go")
        await expect(other.page.locator("#welcome-error")).to_contain_text("“Ada” is taken in #lobby")
        await expect(other.page.locator("#nick")).to_be_focused()
        await other.join("Grace")

    async def test_rooms_are_made_listed_counted_and_left(self, arrive: Arrive) -> None:
        ada, grace = await arrive("Ada"), await arrive("Grace")
        await ada.page.fill("#create-name", "Book Club")
        await ada.page.press("#create-name", "Enter")
        await expect(ada.page.locator("#room-name")).to_have_text("#book-club")
        listed = grace.page.locator('[data-room="book-club"]')
        await expect(listed.locator(".count")).to_have_text("1")
        await listed.locator("button").click()
        await expect(ada.page.locator("#member-list bdi")).to_have_text(["Ada", "Grace"])
        await grace.page.locator('[data-room="lobby"] button').click()
        await ada.say("chapter two")
        await expect(listed.locator(".badge")).to_have_text("1")
        await grace.page.locator('[data-room="book-club"] button').click()
        await grace.has_messages("chapter two")
        await expect(listed.locator(".badge")).to_be_hidden()
        await grace.page.click("#leave")
        await expect(grace.page.locator("#room-name")).to_have_text("#lobby")
        await expect(ada.page.locator("#member-list bdi")).to_have_text(["Ada"])
        await expect(ada.page.locator(".notice").last).to_contain_text("Grace left")

    async def test_a_new_name_is_seen_by_the_others(self, arrive: Arrive, dial: Dial) -> None:
        ada, bob = await arrive("Ada"), dial("Bob")
        await bob.reads("in #lobby as Bob")
        await bob.client.typed("/nick Robert")
        await expect(ada.page.locator("#member-list bdi")).to_have_text(["Ada", "Robert"])
        await ada.page.click("#rename")
        await ada.page.fill("#nick", "Robert")
        await ada.page.click("#welcome-go")
        await expect(ada.page.locator("#welcome-error")).to_contain_text("“Robert” is taken")
        await ada.page.fill("#nick", "Countess")
        await ada.page.click("#welcome-go")
        await bob.reads("Ada is now Countess")

    async def test_a_reload_keeps_the_seat_and_the_messages(self, arrive: Arrive) -> None:
        ada = await arrive("Ada")
        await ada.say("before")
        await ada.all_delivered(1)
        await ada.page.reload()
        await ada.has_messages("before")
        await expect(ada.page.locator(".message.mine")).to_have_count(1)
        await ada.say("after")
        await ada.has_messages("before", "after")


class TestConnection:
    async def test_the_upgrade_is_shown(self, arrive: Arrive) -> None:
        ada = await arrive("Ada")
        await expect(ada.page.locator("#status-detail")).to_have_text(re.compile(r"^WebSocket · [\d.]+ ms$"))
        await ada.page.click("#status")
        await expect(ada.page.locator("#d-route")).to_have_text(
            re.compile(r"HTTP polling → WebSocket.*upgraded in [\d.]+ ms")
        )

    async def test_what_is_said_offline_arrives_once_and_in_order(
        self, arrive: Arrive, network: Network, witness: Witness
    ) -> None:
        ada = await arrive("Ada")
        await ada.say("before")
        await ada.all_delivered(1)
        await network.cut()
        await ada.has_state("waiting")
        countdown = ada.page.locator("#banner-countdown")
        await expect(countdown).to_have_text(re.compile(r"Trying again in \d+ s"))
        for text in ("first", "second", "third"):
            await ada.say(text)
        await expect(ada.page.locator(".message.queued")).to_have_count(3)
        await expect(ada.page.locator("#banner-queue")).to_have_text("3 messages wait to be sent.")
        await witness.say("meanwhile")
        await network.open()
        await ada.all_delivered(4)
        await ada.has_messages("before", "meanwhile", "first", "second", "third")
        await witness.hears("before", "first", "second", "third")
        await expect(ada.page.locator("#banner")).to_be_hidden()

    async def test_a_message_whose_answer_is_lost_is_not_doubled(
        self, arrive: Arrive, network: Network, witness: Witness
    ) -> None:
        ada = await arrive("Ada")
        await expect(ada.page.locator("#status-detail")).to_contain_text("WebSocket")
        network.lose_answers()
        await ada.say("once")
        await witness.hears("once")
        await expect(ada.page.locator(".message.sending")).to_have_count(1)
        await network.cut()
        await expect(ada.page.locator(".message.queued")).to_have_count(1)
        await network.open()
        await ada.all_delivered(1)
        await ada.say("and after it")
        await witness.hears("once", "and after it")
        await ada.has_messages("once", "and after it")

    async def test_the_page_can_go_offline_by_itself(self, arrive: Arrive) -> None:
        ada, grace = await arrive("Ada"), await arrive("Grace")
        await ada.page.click("#status")
        await ada.page.click("#toggle-offline")
        await ada.has_state("paused")
        await expect(grace.page.locator("#member-list .away bdi")).to_have_text(["Ada"])
        await ada.say("waits")
        await expect(ada.page.locator(".message.queued")).to_have_count(1)
        await ada.page.click("#try-now")
        await ada.all_delivered(1)
        await grace.has_messages("waits")
        await expect(grace.page.locator("#member-list .away")).to_have_count(0)
        await expect(grace.page.locator(".notice", has_text="Ada left")).to_have_count(0)

    async def test_a_restart_of_the_service_loses_nothing_that_waits(
        self, arrive: Arrive, dial: Dial, service: Service
    ) -> None:
        ada, bob = await arrive("Ada"), dial("Bob")
        await bob.reads("in #lobby as Bob, with Ada")
        await ada.say("before")
        await bob.reads("Ada: before")
        await service.stop()
        await ada.has_state("waiting", "connecting")
        await bob.reads("connection lost")
        await ada.say("from the page")
        await bob.client.typed("from the terminal")
        await service.start()
        await bob.reads("✓ from the terminal")
        await bob.reads("Ada: from the page")
        await ada.all_delivered(2)
        texts = await ada.page.locator(".text").all_inner_texts()
        assert sorted(texts) == ["before", "from the page", "from the terminal"]
        await expect(ada.page.locator(".notice", has_text="The server was restarted")).to_have_count(1)

    async def test_text_that_waits_outlives_a_reload(self, arrive: Arrive, network: Network) -> None:
        ada, grace = await arrive("Ada"), await arrive("Grace")
        await ada.page.click("#status")
        await ada.page.click("#toggle-offline")
        await ada.say("kept")
        await expect(ada.page.locator(".message.queued")).to_have_count(1)
        await ada.page.reload()
        await grace.has_messages("kept")
        await ada.all_delivered(1)

    async def test_the_terminal_loses_and_doubles_nothing(
        self, dial: Dial, network: Network, witness: Witness
    ) -> None:
        bob = dial("Bob")
        await bob.reads("in #lobby as Bob")
        network.lose_answers()
        await bob.client.typed("answer lost")
        await witness.hears("answer lost")
        await network.cut()
        await bob.reads("connection lost")
        await bob.client.typed("typed offline")
        await bob.reads(r"… typed offline \(waiting for the connection\)")
        await network.open()
        await bob.reads("✓ typed offline")
        await witness.hears("answer lost", "typed offline")


class TestFiles:
    async def test_a_picture_arrives_intact_also_later(self, arrive: Arrive, dial: Dial) -> None:
        picture = png()
        ada, grace, bob = await arrive("Ada"), await arrive("Grace"), dial("Bob")
        await bob.reads("in #lobby as Bob")
        await ada.attach("noise.png", "image/png", picture)
        await ada.all_delivered(1)
        await bob.reads(rf"Ada: \[noise\.png, {len(picture):,} bytes\]")
        late = await arrive("Late")
        for chatter in (grace, late):
            await chatter.page.click(".picture:has(img)")
            natural = await chatter.page.locator("#viewer-picture").evaluate("image => image.naturalWidth")
            assert natural == 120
            assert await chatter.download(chatter.page.locator("#viewer-download")) == picture

    async def test_a_picture_from_the_terminal(self, arrive: Arrive, dial: Dial, tmp_path: Path) -> None:
        path = tmp_path / "noise.png"
        path.write_bytes(png())
        ada, bob = await arrive("Ada"), dial("Bob")
        await bob.client.typed(f"/send {path}")
        await ada.page.click(".picture:has(img)")
        assert await ada.download(ada.page.locator("#viewer-download")) == png()

    async def test_what_only_claims_to_be_a_picture_is_offered_as_a_file(self, arrive: Arrive) -> None:
        ada, grace = await arrive("Ada"), await arrive("Grace")
        data = b"<svg xmlns='http://www.w3.org/2000/svg' onload='document.title=1'/>"
        await ada.attach("a.png", "image/png", data)
        await ada.attach("b.svg", "image/svg+xml", data)
        files = grace.page.locator(".file")
        await expect(files).to_have_count(2)
        assert await grace.page.locator(".picture").count() == 0
        assert await grace.download(files.nth(1)) == data

    async def test_a_file_over_the_limit_is_refused_and_a_picture_made_smaller(self, arrive: Arrive) -> None:
        ada, grace = await arrive("Ada"), await arrive("Grace")
        large = bytes(901_000)
        await ada.page.set_input_files(
            "#file", {"name": "a.zip", "mimeType": "application/zip", "buffer": large}
        )
        await expect(ada.page.locator("#composer-error")).to_have_text(
            "a.zip has 901 kB; the limit is 700 kB."
        )
        picture = png(700, 500)
        assert len(picture) > 700_000
        await ada.page.set_input_files("#file", {"name": "p.png", "mimeType": "image/png", "buffer": picture})
        await expect(ada.page.locator("#pending-size")).to_contain_text("made smaller from 1.1 MB")
        await ada.page.press("#text", "Enter")
        await expect(grace.page.locator(".picture img")).to_have_attribute("alt", "p.jpg")

    async def test_the_largest_file_goes_over_polling_too(self, arrive: Arrive) -> None:
        ada, grace = await arrive("Ada", websocket=False), await arrive("Grace", websocket=False)
        await expect(ada.page.locator("#status-detail")).to_contain_text("HTTP polling")
        data = bytes(range(250)) * 2_800
        await ada.attach("largest.bin", "application/zip", data)
        await ada.all_delivered(1)
        assert await grace.download(grace.page.locator(".file")) == data
        await expect(grace.page.locator("#status-detail")).to_contain_text("HTTP polling")


class TestEchoPage:
    async def test_text_bytes_and_a_thousand_messages_come_back(
        self, arrive: Arrive, network: Network
    ) -> None:
        page = (await arrive("")).page
        await page.goto(f"{network.url}/echo.html")
        status = page.locator("#status")
        await expect(status).to_have_attribute("data-state", "connected")
        await page.fill("#text", "héllo 🚆")
        await page.press("#text", "Enter")
        newest = page.locator("#log .row").first
        await expect(newest.locator(".what")).to_have_text("héllo 🚆")
        await page.click("#binary")
        await expect(newest).to_contain_text("64,000 random bytes came back unchanged")
        await page.click("#burst")
        await expect(newest).to_contain_text("1,000 of 1,000 messages came back, in order")
        await page.click("#toggle")
        await expect(status).to_have_text("Closed, code 1000: closed by the page")
        await page.click("#toggle")
        await expect(status).to_have_attribute("data-state", "connected")
