"""Rooms, people and history: what they hold, and that they hold no more than their limits."""

import pytest

from client_demo.chat import Chat, Limits, Person
from client_demo.validation import Attachment, Refused


def joined(chat: Chat, connection: str, nick: str, room: str = "lobby") -> Person:
    person = chat.connect(connection, f"key-of-{connection}-0123456789", 0.0)
    chat.join(person, room, nick, 0.0)
    return person


def post(
    chat: Chat, person: Person, message_id: str, room: str = "lobby", *, size: int = 0, now: float = 0.0
) -> int:
    file = Attachment("a", "image/png", size, bytes(size)) if size else None
    return chat.post(person, room, message_id, "text", file=file, now=now).number


def test_name_is_unique_in_a_room_whatever_its_case() -> None:
    chat = Chat()
    joined(chat, "1", "Ada")
    other = chat.connect("2", "key-of-2-0123456789", 0.0)
    with pytest.raises(Refused, match="“Ada” is taken in #lobby") as refused:
        chat.join(other, "lobby", "aDA", 0.0)
    assert refused.value.field == "nick"
    assert not other.rooms
    chat.join(other, "elsewhere", "ada", 0.0)


def test_rename_is_refused_if_the_name_is_taken_in_any_room() -> None:
    chat = Chat()
    ada = joined(chat, "1", "Ada")
    chat.join(ada, "tea", "Ada", 0.0)
    joined(chat, "2", "Bob", "tea")
    with pytest.raises(Refused, match="#tea"):
        chat.rename(ada, "bob", 0.0)
    assert ada.nick == "Ada"
    assert chat.rename(ada, "ADA", 0.0) == "Ada"


def test_the_same_key_is_the_same_person_and_keeps_the_seat() -> None:
    chat = Chat()
    ada = joined(chat, "1", "Ada")
    chat.disconnect("1")
    assert not ada.is_online
    assert chat.connect("2", ada.key, 1.0) is ada
    result = chat.join(ada, "lobby", "Ada", 1.0)
    assert not result.is_new_member
    assert ada.is_online


def test_the_last_one_out_closes_a_room_but_not_a_permanent_one() -> None:
    chat = Chat(["lobby"])
    ada = joined(chat, "1", "Ada", "tea")
    chat.join(ada, "lobby", "Ada", 0.0)
    post(chat, ada, "m", "tea", size=10)
    chat.leave(ada, "tea")
    chat.leave(ada, "lobby")
    assert list(chat.rooms) == ["lobby"]
    assert chat.file_bytes == 0


def test_remove_returns_the_rooms_that_remain() -> None:
    chat = Chat(["lobby"])
    ada = joined(chat, "1", "Ada", "tea")
    chat.join(ada, "lobby", "Ada", 0.0)
    chat.disconnect("1")
    assert [room.name for room in chat.remove(ada)] == ["lobby"]
    assert not chat.people


def test_a_message_sent_again_is_answered_the_same_and_not_posted() -> None:
    chat = Chat()
    ada = joined(chat, "1", "Ada")
    first = chat.post(ada, "lobby", "m1", "hello", file=None, now=5.0)
    again = chat.post(ada, "lobby", "m1", "hello", file=None, now=9.0)
    assert first.message is not None
    assert again.message is None
    assert (again.number, again.at) == (first.number, 5.0)
    assert [m["text"] for m in chat.history(chat.rooms["lobby"])] == ["hello"]


def test_the_same_id_of_two_people_are_two_messages() -> None:
    chat = Chat()
    ada, bob = joined(chat, "1", "Ada"), joined(chat, "2", "Bob")
    assert post(chat, ada, "m") != post(chat, bob, "m")


def test_a_message_to_a_room_that_one_is_not_in_is_refused() -> None:
    chat = Chat(["lobby", "tea"])
    ada = joined(chat, "1", "Ada")
    with pytest.raises(Refused, match="not in #tea"):
        post(chat, ada, "m", "tea")
    with pytest.raises(Refused):
        post(chat, ada, "m", "nowhere")


def test_history_is_bounded_and_tells_of_a_gap() -> None:
    chat = Chat(limits=Limits(history_per_room=3))
    ada = joined(chat, "1", "Ada")
    numbers = [post(chat, ada, f"m{i}") for i in range(5)]
    lobby = chat.rooms["lobby"]
    assert [m["number"] for m in chat.history(lobby)] == numbers[2:]
    assert [m["number"] for m in chat.history(lobby, since=numbers[3])] == numbers[4:]
    assert chat.has_gap(lobby, since=numbers[0])
    assert not chat.has_gap(lobby, since=numbers[1])
    assert not chat.has_gap(lobby, since=0)


def test_remembered_ids_are_bounded() -> None:
    chat = Chat(limits=Limits(remembered_ids_per_room=2, history_per_room=2))
    ada = joined(chat, "1", "Ada")
    for i in range(5):
        post(chat, ada, f"m{i}")
    assert len(chat.rooms["lobby"].seen) == 2


def test_bytes_of_files_are_bounded_over_all_rooms_and_the_oldest_go() -> None:
    chat = Chat(limits=Limits(file_bytes=100))
    ada = joined(chat, "1", "Ada")
    chat.join(ada, "tea", "Ada", 0.0)
    old = post(chat, ada, "m1", "lobby", size=60)
    new = post(chat, ada, "m2", "tea", size=60)
    assert chat.file_bytes == 60
    with pytest.raises(Refused, match="no longer kept"):
        chat.file(chat.rooms["lobby"], old)
    assert chat.file(chat.rooms["tea"], new) == bytes(60)
    assert chat.history(chat.rooms["lobby"])[0]["file"] == {"name": "a", "type": "image/png", "size": 60}


def test_a_flood_is_refused_until_later_and_a_repeat_costs_nothing() -> None:
    chat = Chat(limits=Limits(burst=3, messages_per_second=2))
    ada = joined(chat, "1", "Ada")  # the join took one
    post(chat, ada, "m1")
    post(chat, ada, "m2")
    with pytest.raises(Refused) as refused:
        post(chat, ada, "m3")
    assert refused.value.retry_after == pytest.approx(0.5)
    post(chat, ada, "m2")
    post(chat, ada, "m3", now=0.5)


@pytest.mark.parametrize(
    "limits", [Limits(rooms=1), Limits(rooms_per_person=1), Limits(burst=1.0, messages_per_second=1.0)]
)
def test_limits_of_rooms(limits: Limits) -> None:
    chat = Chat(["lobby"], limits)
    ada = joined(chat, "1", "Ada")
    with pytest.raises(Refused):
        chat.join(ada, "tea", "Ada", 0.0)
    assert ada.rooms == {"lobby"}
    assert set(chat.rooms) == {"lobby"}


def test_limits_of_people() -> None:
    chat = Chat(limits=Limits(people=2, members_per_room=1, connections_per_person=1))
    ada = joined(chat, "1", "Ada")
    with pytest.raises(Refused, match="too often"):
        chat.connect("1b", ada.key, 0.0)
    bob = chat.connect("2", "key-of-2-0123456789", 0.0)
    with pytest.raises(Refused, match="full"):
        chat.join(bob, "lobby", "Bob", 0.0)
    with pytest.raises(Refused, match="full"):
        chat.connect("3", "key-of-3-0123456789", 0.0)


def test_typing_is_passed_on_once_a_second_and_its_end_once() -> None:
    chat = Chat()
    ada = joined(chat, "1", "Ada")
    assert chat.typing(ada, "lobby", True, 10.0)
    assert not chat.typing(ada, "lobby", True, 10.9)
    assert chat.typing(ada, "lobby", True, 11.1)
    assert chat.typing(ada, "lobby", False, 11.2)
    assert not chat.typing(ada, "lobby", False, 11.3)
