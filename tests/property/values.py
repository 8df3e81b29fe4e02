"""What events carry: the values of JSON that have one form in it, and bytes."""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = ["characters", "leaves"]

characters = st.characters(exclude_categories=["Cs"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(characters)
    | st.binary()
)
