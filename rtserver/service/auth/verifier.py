"""Whether a token is genuine, valid now and meant for this service (RFC 7519, RFC 8725)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt

from rtserver.errors import TokenError
from rtserver.service.auth.jwks import KeySet
from rtserver.service.auth.keys import VerificationKey
from rtserver.service.auth.options import Expectations

__all__ = ["Claims", "Verifier"]

Claims = Mapping[str, Any]

MAX_TOKEN: Final = 16_384
"""Characters that a token may have."""


class Verifier:
    """Verifies tokens.

    Args:
        keys: The keys that are known.
        key_set: Keys that are fetched; None for no others.
        expectations: What else must be true.
    """

    def __init__(
        self, keys: Sequence[VerificationKey], key_set: KeySet | None, expectations: Expectations
    ) -> None:
        self._keys = keys
        self._key_set = key_set
        self._expected = expectations

    @property
    def leeway(self) -> float:
        """Seconds that clocks may differ by."""
        return self._expected.leeway

    async def verify(self, token: str) -> Claims:
        """Return the claims of a token.

        Raises:
            TokenError: It isn't valid.
        """
        if len(token) > MAX_TOKEN:
            raise TokenError(
                "token_invalid", f"received {len(token)} characters, expected at most {MAX_TOKEN}"
            )
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, TypeError):  # half of a surrogate pair can't be encoded
            raise TokenError("token_invalid", "received something else, expected a JSON Web Token") from None
        algorithm, id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str):
            raise TokenError("token_invalid", "its header names no algorithm")
        keys = await self._find(algorithm, id if isinstance(id, str) else None)
        if not keys:
            raise TokenError("key_unknown", f"no key for the algorithm {algorithm!r:.20} and kid {id!r:.40}")
        for key in keys[:-1]:
            try:
                return self._decode(token, key, algorithm)
            except _WrongSignature:
                continue
        return self._decode(token, keys[-1], algorithm)

    async def close(self) -> None:
        """Stop fetching keys."""
        if self._key_set is not None:
            await self._key_set.close()

    async def _find(self, algorithm: str, id: str | None) -> list[VerificationKey]:
        found = [key for key in self._keys if key.suits(algorithm, id)]
        if self._key_set is not None and not any(id is not None and key.id == id for key in found):
            found += await self._key_set.find(algorithm, id)
        return found

    def _decode(self, token: str, key: VerificationKey, algorithm: str) -> Claims:
        expected = self._expected
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=list(expected.audiences) or None,
                issuer=expected.issuer,
                leeway=expected.leeway,
                options={"require": list(expected.required), "verify_aud": bool(expected.audiences)},
            )
        except jwt.InvalidSignatureError:
            raise _WrongSignature("token_invalid", "its signature isn't that of a known key") from None
        except jwt.ExpiredSignatureError:
            raise TokenError("token_expired", "it has expired: get a new one") from None
        except jwt.ImmatureSignatureError:
            raise TokenError("token_not_yet_valid", "it isn't valid yet: compare the clocks") from None
        except jwt.InvalidAudienceError:
            raise TokenError("token_invalid", "it is meant for another audience") from None
        except jwt.InvalidIssuerError:
            raise TokenError("token_invalid", "it was issued by someone else") from None
        except jwt.MissingRequiredClaimError as error:
            raise TokenError("token_invalid", f"it has no claim {error.claim!r}") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise TokenError("token_invalid", "it can't be understood") from None


class _WrongSignature(TokenError):
    """Another key may have signed it."""
