"""What the tables of the config file have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Bytes", "Seconds", "Section"]

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Bytes = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """A table of the config file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
