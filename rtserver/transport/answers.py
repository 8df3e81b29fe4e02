"""The responses of an Engine.IO server: payloads, ``ok``, and errors as JSON."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from rtserver.engineio.request import error_body
from rtserver.errors import EngineRequestError, HttpError
from rtserver.transport.exchange import Exchange, HeaderPairs, Headers, Response

__all__ = ["TEXT", "choose_encoding", "engine_error", "error_response", "ok_response", "payload_response"]

TEXT = "text/plain; charset=UTF-8"
# RFC 9111, 5.2.2.5: no store may keep what was meant for one poll.
NO_STORE: HeaderPairs = (("Cache-Control", "no-store"),)
# text/html is what the protocol's reference sends: some old browsers offered text/plain as a download
OK_HEADERS: HeaderPairs = (("Content-Type", "text/html"), *NO_STORE)
ERROR_HEADERS: HeaderPairs = (("Content-Type", "application/json"), *NO_STORE)


def ok_response(exchange: Exchange) -> Response:
    """Confirm a POST (Engine.IO v4, "Sending data")."""
    return Response(200, OK_HEADERS + exchange.common_headers, b"ok")


def payload_response(
    exchange: Exchange, payload: bytes, threshold: int | None, content_type: str = TEXT
) -> Response:
    """Answer a GET with packets.

    Args:
        exchange: The request.
        payload: The packets.
        threshold: The smallest payload that is compressed, in bytes; None to compress none.
        content_type: What the payload is.
    """
    headers = (("Content-Type", content_type), *NO_STORE, *exchange.common_headers)
    if threshold is not None and len(payload) >= threshold and exchange.may_compress:
        encoding = choose_encoding(exchange.headers, ("gzip", "deflate"))
        if encoding is not None:
            payload = _compress(payload, encoding)
            headers += (("Content-Encoding", encoding),)
    return Response(200, headers, payload)


def engine_error(error: HttpError) -> EngineRequestError:
    """Return an error of the protocol's for any: that of a WebSocket handshake has no code of its own."""
    if isinstance(error, EngineRequestError):
        return error
    return EngineRequestError(3, f"Bad request: {error.message}", error.status, error.headers)


def error_response(exchange: Exchange, error: EngineRequestError, close: bool = False) -> Response:
    """Refuse a request: ``{"code", "message"}`` with the protocol's code."""
    headers = ERROR_HEADERS + exchange.common_headers + tuple(error.headers.items())
    return Response(error.status, headers, error_body(error), close)


def choose_encoding(headers: Headers, codings: Sequence[str]) -> str | None:
    """Return the first of `codings` that the client accepts (RFC 9110, 12.5.3)."""
    accepted: dict[str, bool] = {}
    for line in headers.getall("Accept-Encoding", ()):
        for item in line.lower().split(","):
            coding, _, weight = item.partition(";")
            accepted[coding.strip()] = weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    for coding in codings:
        if accepted.get(coding, accepted.get("*", False)):
            return coding
    return None


def _compress(payload: bytes, encoding: str) -> bytes:
    # 31: gzip's header and trailer around the stream; 15: zlib's, which HTTP calls deflate (RFC 9110, 8.4.1)
    stream = zlib.compressobj(6, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    return stream.compress(payload) + stream.flush()
