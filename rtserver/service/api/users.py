"""The room in which the clients of a user are."""

from __future__ import annotations

from typing import Final

from rtserver.service.namespaces.claims import room_part

__all__ = ["USER", "user_room"]

USER: Final = "{user}"
"""Stands for the user in the name of the room."""


def user_room(pattern: str, user: str | int) -> str:
    """Name the room of a user.

    Args:
        pattern: The name of such a room, with `USER` in it.
        user: The user.
    """
    return pattern.replace(USER, room_part(user))
