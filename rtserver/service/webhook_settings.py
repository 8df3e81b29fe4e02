"""The table of the config file about a backend that is asked over HTTP."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from rtserver.service.section import Seconds, Section
from rtserver.service.setting_types import Expected, ReadableFile
from rtserver.service.webhooks.policy import Policy
from rtserver.service.webhooks.signing import signing_key

__all__ = ["WebhookSettings"]

_POLICY = Policy()


def _http(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError
    return value


def _names(value: list[str]) -> list[str]:
    if len(set(value)) < len(value) or not all(each.startswith("/") for each in value):
        raise ValueError
    return value


BackendUrl = Annotated[
    str,
    AfterValidator(_http),
    Expected("a URL that begins with http:// or https://, without user and password"),
]
Names = Annotated[
    list[str], AfterValidator(_names), Expected('a list of namespaces, each once, such as "/chat"')
]
Count = Annotated[int, Field(ge=1)]


class WebhookSettings(Section):
    """A backend that decides about clients and answers their events, over HTTP (docs/webhooks.md)."""

    url: BackendUrl | None = Field(
        default=None,
        description="Where the backend is. Not set: there is none.",
        examples=["http://127.0.0.1:9100/rtserver"],
    )
    secrets: list[str] = Field(
        default=[],
        description='What requests are signed with, each of them: "whsec_" and base64 of 24 bytes or more.'
        " RTSERVER_WEBHOOKS__SECRETS keeps them out of this file.",
        examples=[["whsec_bWFrZSBvbmUgb2YgeW91ciBvd24sIHBsZWFzZQ=="]],
    )
    secret_file: ReadableFile | None = Field(
        default=None,
        description="A file with the secrets instead, one on each line.",
        examples=["/run/secrets/rtserver-webhooks"],
    )
    namespaces: Names = Field(
        default=[],
        description="Namespaces whose clients the backend decides about.",
        examples=[["/", "/chat"]],
    )
    connect: bool = Field(default=True, description="Whether it decides who is let in.")
    events: list[str] = Field(
        default=["*"],
        description='Events that it answers, where the application doesn\'t: patterns such as "chat:*", in'
        ' which "*" is any characters.',
    )
    disconnect: bool = Field(default=True, description="Whether it is told who has gone.")
    headers: list[str] = Field(
        default=[],
        description="Headers of a client's request that it is told.",
        examples=[["cookie", "user-agent"]],
    )
    tls_authority: ReadableFile | None = Field(
        default=None,
        description="Certificate, in PEM format, of who signed the backend's. Not set: those of the system.",
        examples=["/etc/rtserver/backend-authority.pem"],
    )
    timeout: Seconds = Field(
        default=_POLICY.timeout, description="Seconds that it has for an answer, its waiting time included."
    )
    retries: int = Field(
        default=_POLICY.retries,
        ge=0,
        description="How often a connect or event is sent again, within that time, which it hasn't taken.",
    )
    concurrency: Count = Field(
        default=_POLICY.concurrency, description="Requests that are under way at one time."
    )
    max_waiting: int = Field(
        default=_POLICY.max_waiting,
        ge=0,
        description="Connects and events that may wait until others have ended; more are refused.",
    )
    max_client_waiting: int = Field(
        default=_POLICY.max_client_waiting,
        ge=0,
        description="Events of one client that may wait: they are sent one after another. More are refused.",
    )
    max_answer: Count = Field(default=1_000_000, description="The longest answer that is read, in bytes.")
    disconnect_retries: int = Field(
        default=_POLICY.disconnect_retries,
        ge=0,
        description="How often it is tried again to tell it of a client that has gone.",
    )
    max_disconnects: Count = Field(
        default=_POLICY.max_disconnects,
        description="Clients that have gone of which it may still be untold. The oldest give way.",
    )
    breaker_failures: Count = Field(
        default=10, description="Requests in a row without an answer after which it is let alone."
    )
    breaker_time: Seconds = Field(
        default=10, description="Seconds for which it is let alone, until one request is made to see."
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.url is None:
            if self.namespaces:
                raise ValueError("namespaces have a backend that isn't there: set url")
            return self
        self.signing_keys()
        self.tls()
        return self

    def policy(self) -> Policy:
        """Return how the backend is asked."""
        return Policy(
            timeout=self.timeout,
            retries=self.retries,
            concurrency=self.concurrency,
            max_waiting=self.max_waiting,
            max_client_waiting=self.max_client_waiting,
            disconnect_retries=self.disconnect_retries,
            max_disconnects=self.max_disconnects,
        )

    def signing_keys(self) -> list[bytes]:
        """Return what requests are signed with.

        Raises:
            ValueError: There are no secrets, or they can't be used.
        """
        if bool(self.secrets) == (self.secret_file is not None):
            raise ValueError("url needs requests to be signed: expected secrets or secret_file")
        if self.secret_file is None:
            return [signing_key(secret) for secret in self.secrets]
        try:
            lines = Path(self.secret_file).read_text().split()
        except UnicodeDecodeError:
            raise ValueError("secret_file: expected text, one secret on each line") from None
        if not lines:
            raise ValueError("secret_file: expected one secret on each line, received an empty file")
        return [signing_key(secret) for secret in lines]

    def tls(self) -> ssl.SSLContext | None:
        """Return how the backend's certificate is verified; None for the usual way.

        Raises:
            ValueError: The file has no certificate.
        """
        if self.tls_authority is None:
            return None
        try:
            return ssl.create_default_context(cafile=self.tls_authority)
        except ssl.SSLError:
            raise ValueError("tls_authority: expected a certificate in PEM format") from None
