"""One HTTP request to the backend, and what may go wrong with it.

The address comes from the configuration alone. Redirects aren't followed and proxies of the environment
aren't used, so nothing that a client or a backend says chooses where a request goes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final

import aiohttp

from rtserver.errors import BackendError

__all__ = ["Endpoint"]

KEEP_ALIVE: Final = 1.0
"""Seconds for which an idle connection is kept. Backends close theirs after some seconds (gunicorn 2, Node.js
5), and a request that meets the close can't be made again: it may have been taken."""
NOT_TAKEN: Final = (429, 503)
"""What a backend answers that asks for the request to be made later (RFC 6585, 4; RFC 9110, 15.6.4)."""
GATEWAY: Final = (502, 504)
"""What a proxy answers that got no answer from the backend (RFC 9110, 15.6.3 and 15.6.5)."""
MAX_HEAD: Final = 16_384
"""Bytes that the head of an answer may have."""


class Endpoint:
    """The backend's address.

    Args:
        url: Where requests are sent.
        max_bytes: The longest answer that is read.
        tls: How the backend's certificate is checked; None for the authorities of the system.
    """

    def __init__(self, url: str, max_bytes: int, tls: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._max_bytes = max_bytes
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes, headers: Mapping[str, str], timeout: float) -> bytes:  # noqa: ASYNC109
        """Send a request and return the body of the answer; nothing if there is none (204).

        Args:
            body: The body, JSON.
            headers: Headers of the request.
            timeout: Seconds that it may take, the answer included.

        Raises:
            BackendError: There is no answer that can be used.
        """
        try:
            async with (
                asyncio.timeout(timeout),
                self._opened().post(
                    self._url,
                    data=body,
                    headers={**headers, "content-type": "application/json"},
                    allow_redirects=False,
                ) as response,
            ):
                return await self._read(response)
        except TimeoutError:
            raise BackendError("backend_timeout", f"no answer within {timeout:g} s") from None
        except aiohttp.ClientSSLError as error:
            raise BackendError("backend_unavailable", f"TLS: {_line(error)}", 0.0) from None
        except aiohttp.ClientConnectorError as error:
            # The connection was never made: whatever was to be sent hasn't been.
            raise BackendError("backend_unavailable", f"can't be reached: {error.os_error}", 0.0) from None
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            raise BackendError("backend_failed", f"received no HTTP answer: {_line(error)}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise BackendError("backend_unavailable", f"lost the connection: {_line(error)}") from None
        except ValueError as error:  # the host's name can't be asked for: a part of it is too long, say
            raise BackendError("backend_failed", f"the request can't be made: {_line(error)}") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers={
                    "user-agent": "rtserver",
                    "accept": "application/json",
                    "accept-encoding": "identity",
                },
                auto_decompress=False,  # a few bytes could become a million
                max_line_size=MAX_HEAD,
                max_field_size=MAX_HEAD,
            )
        return self._session

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        status = response.status
        if status in NOT_TAKEN:
            raise BackendError("backend_unavailable", f"received the HTTP status {status}", _wait(response))
        if status in GATEWAY:
            raise BackendError("backend_unavailable", f"received the HTTP status {status}")
        if status not in (200, 204):
            moved = "; redirects aren't followed" if 300 <= status < 400 else ""
            raise BackendError(
                "backend_failed", f"received the HTTP status {status}, expected 200 or 204{moved}"
            )
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                raise BackendError(
                    "backend_failed", f"received more than {self._max_bytes} bytes, the most that is read"
                )
        return bytes(body)


def _wait(response: aiohttp.ClientResponse) -> float:
    """Return the seconds that ``Retry-After`` asks for; 0 if it says nothing, or names a date."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0.0


def _line(error: Exception) -> str:
    """Write what went wrong on one line: an HTTP parser quotes what it couldn't read."""
    text = " ".join((str(error) or type(error).__name__).split())
    return text if len(text) <= 200 else text[:200] + "…"
