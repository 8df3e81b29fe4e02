"""The table of the config file about tokens: which clients need one, and when it is valid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from rtserver.service.auth.options import Expectations, Manners
from rtserver.service.auth.sources import Source
from rtserver.service.section import Seconds, Section
from rtserver.service.setting_types import Expected, ReadableFile

if TYPE_CHECKING:
    from rtserver.service.auth.keys import VerificationKey

__all__ = ["AuthSettings", "KeySettings"]

_EXPECTED = Expectations()
_MANNERS = Manners()


_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


def _https(value: str) -> str:
    parts = urlsplit(value)
    if not parts.hostname or (
        parts.scheme != "https" and (parts.scheme, parts.hostname in _HERE) != ("http", True)
    ):
        raise ValueError
    return value


def _names(value: list[str]) -> list[str]:
    if value != ["*"] and (len(set(value)) < len(value) or not all(each.startswith("/") for each in value)):
        raise ValueError
    return value


Namespaces = Annotated[
    list[str], AfterValidator(_names), Expected('["*"], or a list of namespaces, each once, such as "/chat"')
]


SecureUrl = Annotated[
    str, AfterValidator(_https), Expected("a URL that begins with https:// (http:// for this machine)")
]
Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA",
]  # fmt: skip


class KeySettings(Section):
    """A key that tokens are signed with: a secret, or a public key. Repeat the table for more keys."""

    algorithm: Algorithm = Field(
        description="The one algorithm that the key is used with.", examples=["HS256"]
    )
    id: str | None = Field(
        default=None,
        min_length=1,
        description='The "kid" of its tokens. Not set: whatever they say.',
        examples=["2026-11"],
    )
    secret: str | None = Field(
        default=None,
        description="The secret, for HS256 and its like. RTSERVER_AUTH__KEYS keeps it out of this file.",
        examples=["at-least-32-bytes-that-nobody-guesses"],
    )
    secret_file: ReadableFile | None = Field(
        default=None,
        description="A file with the secret. White space around it doesn't count.",
        examples=["/run/secrets/rtserver-token"],
    )
    public_key_file: ReadableFile | None = Field(
        default=None,
        description="A public key or certificate in PEM format, for the other algorithms.",
        examples=["/etc/rtserver/token-key.pem"],
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.key()
        return self

    def key(self) -> VerificationKey:
        """Return the key.

        Raises:
            ValueError: There isn't exactly one, or it can't be used.
        """
        # Who needs no tokens needs no cryptography either.
        from rtserver.service.auth.keys import public_key, secret_key  # noqa: PLC0415

        given = [self.secret, self.secret_file, self.public_key_file]
        if sum(each is not None for each in given) != 1:
            raise ValueError("expected one of secret, secret_file and public_key_file")
        if self.public_key_file is not None:
            return public_key(Path(self.public_key_file).read_bytes(), self.algorithm, self.id)
        if self.secret_file is not None:
            return secret_key(Path(self.secret_file).read_bytes().strip(), self.algorithm, self.id)
        assert self.secret is not None
        return secret_key(self.secret.encode(), self.algorithm, self.id)


class AuthSettings(Section):
    """Who may come in: clients with a JSON Web Token that is valid (docs/authentication.md)."""

    namespaces: Namespaces = Field(
        default=[],
        description='Namespaces whose clients need a token. ["*"]: all of them. Empty: none does.',
        examples=[["*"]],
    )
    sources: list[Source] = Field(
        default=list(_MANNERS.sources),
        min_length=1,
        description='Where a token is looked for, in this order. "auth" is what a client sends as its auth,'
        ' "header" is "Authorization: Bearer". A query ends up in the logs of proxies.',
    )
    name: str = Field(
        default=_MANNERS.name,
        min_length=1,
        description="What it is called in auth, query and cookies.",
    )
    audience: list[str] = Field(
        default=[],
        description='Tokens must be for one of these ("aud"). Empty: whoever they are for.',
        examples=[["https://chat.example"]],
    )
    issuer: str | None = Field(
        default=None,
        description='Who must have issued them ("iss"). Not set: anyone who has the key.',
        examples=["https://login.example/"],
    )
    required: list[str] = Field(
        default=list(_EXPECTED.required),
        description="Claims that they must have.",
        examples=[["exp", "sub"]],
    )
    leeway: float = Field(
        default=_EXPECTED.leeway, ge=0, description="Seconds that the clocks may differ by."
    )
    user: str = Field(
        default=_MANNERS.user,
        min_length=1,
        description="The claim that names the user. Tokens must have it. Without tokens a backend may give"
        " it: who comes back as another user is a new client.",
    )
    refresh_before: Seconds = Field(
        default=_MANNERS.refresh_before,
        description="Seconds before its token expires that a client is asked for a new one.",
    )
    refresh_event: str = Field(
        default=_MANNERS.refresh_event,
        min_length=1,
        description="The event that asks for it. The client acknowledges it with the new token.",
    )
    jwks_url: SecureUrl | None = Field(
        default=None,
        description="Where an identity provider publishes its keys. They are used besides those below.",
        examples=["https://login.example/.well-known/jwks.json"],
    )
    jwks_max_age: Seconds = Field(
        default=600, description="Seconds after which the published keys are fetched again."
    )
    jwks_cooldown: Seconds = Field(
        default=10,
        description="Seconds between two fetches at least, however many tokens name keys that aren't known.",
    )
    keys: list[KeySettings] = Field(default=[], description="The keys that tokens are signed with.")

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if self.namespaces and not self.keys and self.jwks_url is None:
            raise ValueError("namespaces need tokens: expected a [[auth.keys]] table or jwks_url")
        return self
