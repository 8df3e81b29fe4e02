"""JSONP polling: for pages in browsers that can't make requests of another origin. Engine.IO v3 only.

Engine.IO v3, "Transports", "JSONP". A response is a script, which calls the function that the client has
made for it; a POST is a form with one field, ``d``.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import orjson

from rtserver.engineio.payload_v3 import decode_text_payload
from rtserver.engineio.request import bad_request
from rtserver.engineio.session import Session
from rtserver.errors import EngineViolation
from rtserver.transport.exchange import Exchange
from rtserver.transport.polling import PollingHost
from rtserver.transport.polling_v3 import PollingV3

__all__ = ["JsonpPolling"]

SCRIPT = "text/javascript; charset=UTF-8"
MAX_INDEX_DIGITS = 10
MAX_FIELDS = 10

_NEWLINES = re.compile(r"(\\)?\\n")


class JsonpPolling(PollingV3):
    """Carries the packets of a client that polls with scripts and forms.

    Args:
        host: What all sessions share.
        session: The session.
        index: The number of the client's function.

    Raises:
        EngineRequestError: It isn't a number.
    """

    __slots__ = ("_head",)

    def __init__(self, host: PollingHost, session: Session, index: str) -> None:
        super().__init__(host, session, takes_binary=False)
        if not (index.isdecimal() and index.isascii() and len(index) <= MAX_INDEX_DIGITS):
            raise bad_request("the parameter j, which asks for JSONP, must be a number")
        self._head = f"___eio[{index}](".encode()

    def respond_text(self, exchange: Exchange, payload: bytes) -> None:
        """Answer a GET with a script that hands a payload to the client."""
        literal = orjson.dumps(payload.decode())
        # JSON allows these two in a string; JavaScript did not until ECMAScript 2019.
        literal = literal.replace(b"\xe2\x80\xa8", rb"\u2028").replace(b"\xe2\x80\xa9", rb"\u2029")
        self._host.answer_payload(exchange, b"%b%b);" % (self._head, literal), SCRIPT)

    def decode(self, exchange: Exchange, body: bytes) -> list[str | bytes]:
        """Return the packets in a form.

        Raises:
            EngineViolation: They can't be decoded.
        """
        try:
            fields = dict(
                parse_qsl(
                    body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
                )
            )
        except ValueError as error:
            raise EngineViolation(f"a form that can't be read: {error}") from None
        if "d" not in fields:
            raise EngineViolation("a form without the field d, which has the payload")
        # A browser may send a line feed as CR LF. So the client writes \n for it, and \\n for \n.
        payload = _NEWLINES.sub(lambda match: r"\n" if match[1] else "\n", fields["d"])
        return decode_text_payload(payload.encode(), limit=self._host.max_payload)
