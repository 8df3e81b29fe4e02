"""The table of the config file about the HTTP API: who may use it, and how much."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rtserver.service.api.idempotency.record import Bounds
from rtserver.service.api.keys import EVERY, Key, Scope
from rtserver.service.api.limits import ApiLimits
from rtserver.service.api.users import USER
from rtserver.service.section import Seconds, Section
from rtserver.service.setting_types import Expected, ReadableFile, UrlPath

__all__ = ["ApiKeySettings", "ApiSettings"]

SHORTEST = 20
"""Characters of a key: fewer could be guessed."""
HASHED = "sha256:"
"""What a key begins with of which only the hash is given."""
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{64}")
_LIMITS = ApiLimits()
_BOUNDS = Bounds()


def _user_room(value: str) -> str:
    if USER not in value:
        raise ValueError
    return value


def _below_the_top(value: str) -> str:
    if not value.strip("/"):
        raise ValueError
    return value


def _namespace(value: str) -> str:
    if value != EVERY and not value.startswith("/"):
        raise ValueError
    return value


ApiPath = Annotated[UrlPath, AfterValidator(_below_the_top)]
UserRoom = Annotated[str, AfterValidator(_user_room), Expected(f'the name of a room with "{USER}" in it')]
Rate = Annotated[float, Field(gt=0)]
Namespace = Annotated[
    str, AfterValidator(_namespace), Expected('a namespace such as "/" or "/chat", or "*" for all of them')
]


class ApiKeySettings(Section):
    """A key for the HTTP API, and what it is for. Repeat the table for more keys."""

    name: str = Field(min_length=1, description="Whose key it is. Each has another name.", examples=["shop"])
    key: str | None = Field(
        default=None,
        min_length=SHORTEST,
        description=f'The key; or "{HASHED}" and its SHA-256 hash in hexadecimal, so that only who uses it'
        " knows it. RTSERVER_API__KEYS keeps it out of this file.",
        examples=[f"{HASHED}3a1fb32d2ad9a39ab7c2a48bbe84de4ab3f7a8d2a30f4c7a2d8bb5a35a1e9c11"],
    )
    key_file: ReadableFile | None = Field(
        default=None,
        description="A file with the same. White space around it doesn't count.",
        examples=["/run/secrets/rtserver-api-key"],
    )
    scopes: list[Scope | Literal["*"]] = Field(
        min_length=1, description='What it is for; "*" for everything.', examples=[["emit", "join"]]
    )
    namespaces: list[Namespace] = Field(
        default=["/"], min_length=1, description='Where; "*" for every namespace.', examples=[["*"]]
    )
    commands_per_second: Rate | None = Field(
        default=None,
        description="How many commands, on average, in each process. Not set: any number.",
        examples=[100],
    )
    commands_burst: int = Field(default=100, ge=1, description="How many of them may come at once.")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.made()
        return self

    def made(self) -> Key:
        """Return the key.

        Raises:
            ValueError: There isn't exactly one, or it can't be used.
        """
        if (self.key is None) is (self.key_file is None):
            raise ValueError("expected one of key and key_file")
        if self.key_file is not None:
            secret = Path(self.key_file).read_bytes().strip()
        else:
            assert self.key is not None
            secret = self.key.encode()
        return Key(
            self.name,
            _digest(secret),
            self.scopes,
            self.namespaces,
            self.commands_per_second,
            self.commands_burst,
        )


def _digest(secret: bytes) -> bytes:
    """Return the hash of a key, which may be given as such.

    Raises:
        ValueError: It isn't a hash, or the key could be guessed.
    """
    if secret.startswith(HASHED.encode()):
        if not _HEXADECIMAL.fullmatch(secret, len(HASHED)):
            raise ValueError(f"expected 64 hexadecimal digits after {HASHED}")
        return bytes.fromhex(secret[len(HASHED) :].decode())
    if len(secret) < SHORTEST:
        raise ValueError(f"received a key of {len(secret)} bytes, expected at least {SHORTEST}")
    return sha256(secret).digest()


class ApiSettings(Section):
    """The HTTP API (docs/http-api.md). There is one as soon as there are keys for it."""

    path: ApiPath = Field(default="api", description="Path under which it is found.")
    user_room: UserRoom = Field(
        default=f"user:{USER}",
        description="The room that the clients of a user are in, who is named in requests.",
    )
    info: list[str] = Field(
        default=[],
        description="Keys of a client's session that are told where clients are listed.",
        examples=[["claims"]],
    )
    max_body: int = Field(default=_LIMITS.body, ge=1, description="Largest body of a request, in bytes.")
    max_running: int = Field(
        default=_LIMITS.running,
        ge=1,
        description="Requests that each process reads, does or waits for at a time. Others are refused.",
    )
    idempotency_lifetime: Seconds = Field(
        default=_BOUNDS.lifetime,
        description="Seconds in which a request that comes again with its Idempotency-Key isn't done again.",
    )
    idempotency_entries: int = Field(
        default=_BOUNDS.entries,
        ge=1,
        description="Requests with such a key that are remembered. The oldest is forgotten first.",
    )
    keys: list[ApiKeySettings] = Field(default=[], description="Who may use it.")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [each.name for each in self.keys]
        if len(set(names)) < len(names):
            raise ValueError("two of the keys have the same name; give each one of its own")
        return self

    def limits(self) -> ApiLimits:
        """Return how much there may be of it."""
        return ApiLimits(self.max_body, self.max_running)

    def bounds(self) -> Bounds:
        """Return how much is kept of requests that may come again."""
        return Bounds(self.idempotency_lifetime, self.idempotency_entries)
