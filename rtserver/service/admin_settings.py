"""The table of the config file about the admin UI: who may use it, and what it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from rtserver.admin.instrumentation import Mode
from rtserver.errors import StartError
from rtserver.host import Server
from rtserver.service.administration.exemption import Middleware, exempt
from rtserver.service.administration.login import Login
from rtserver.service.section import Seconds, Section
from rtserver.service.setting_types import Expected, ReadableFile

__all__ = ["AdminSettings"]


def _namespace(value: str) -> str:
    if not value.startswith("/") or value == "/":
        raise ValueError
    return value


class AdminSettings(Section):
    """The official Socket.IO admin UI, which connects to a namespace of its own (docs/admin-ui.md)."""

    enabled: bool = Field(default=False, description="Whether it may connect.")
    namespace: Annotated[
        str, AfterValidator(_namespace), Expected('a namespace other than "/", such as "/admin"')
    ] = Field(default="/admin", description="The namespace that it connects to.")
    username: str = Field(default="admin", min_length=1, description="Who may come in.")
    password: str | None = Field(
        default=None,
        min_length=1,
        description="The password, or a hash that bcrypt has made of it. RTSERVER_ADMIN__PASSWORD keeps it"
        " out of this file.",
        examples=["$2b$12$..."],
    )
    password_file: ReadableFile | None = Field(
        default=None,
        description="A file with one of these instead. White space around it doesn't count.",
        examples=["/run/secrets/rtserver-admin"],
    )
    mode: Mode = Field(
        default="production",
        description='"production": what is counted anyhow. "development": every socket, room and event, each'
        " of which costs more than twice as much while somebody looks.",
    )
    read_only: bool = Field(
        default=False,
        description="Whether admins only look, and may not emit, nor move or disconnect clients.",
    )
    interval: Seconds = Field(default=2, description="Seconds between two reports of what is counted.")

    @model_validator(mode="after")
    def _somebody_may_come_in(self) -> Self:
        if self.enabled:
            self.login()
        return self

    def login(self) -> Login:
        """Return who may come in.

        Raises:
            ValueError: There isn't exactly one password, or it can't be used.
        """
        if (self.password is None) == (self.password_file is None):
            raise ValueError("expected one of password and password_file")
        if self.password_file is not None:
            password = Path(self.password_file).read_text().strip()
        else:
            password = self.password or ""
        if not password:
            raise ValueError("password_file: received an empty file, expected a password or a hash of bcrypt")
        return Login(self.username, password)

    def instrument(self, server: Server) -> None:
        """Let the admin UI look at a server, where it may.

        Raises:
            StartError: The application has a use for the namespace, or has instrumented the server itself.
        """
        if not self.enabled:
            return
        try:
            server.instrument(
                auth=self.login().credentials(),
                mode=self.mode,
                read_only=self.read_only,
                namespace=self.namespace,
                server_stats_interval=self.interval,
            )
        except (ValueError, RuntimeError) as error:
            raise StartError(f"admin: {error}") from None

    def spare(self, middleware: Middleware) -> Middleware:
        """Let a middleware that asks every client for a token not ask admins, who show a password.

        Args:
            middleware: What is called for clients of all other namespaces.
        """
        return exempt(self.namespace, middleware) if self.enabled else middleware
