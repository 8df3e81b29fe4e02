from __future__ import annotations

from rtserver.service.api.users import user_room


def test_the_user_is_one_part_of_the_name() -> None:
    assert user_room("user:{user}", "ada") == "user:ada"
    assert user_room("user:{user}", 7) == "user:7"
    assert user_room("{user}:inbox", "a:b*") == "a%3Ab%2A:inbox"
