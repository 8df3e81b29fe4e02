"""The table of the config file about log lines."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from rtserver.service.section import Section

__all__ = ["Level", "LogSettings"]

Level = Literal["debug", "info", "warning", "error", "critical"]


class LogSettings(Section):
    """What is logged, and how. Log lines go to the standard error stream."""

    level: Level = Field(default="info", description="Least level that is logged.")
    format: Literal["console", "json"] = Field(
        default="console",
        description='"console" is for people, "json" is one object per line for log collectors.',
    )
    levels: dict[str, Level] = Field(
        default={},
        description="Levels of single loggers, over the level above.",
        examples=[{"rtserver.transport": "debug"}],
    )
    clients: bool = Field(
        default=False,
        description="Whether what clients do is logged too: connects, events, rooms. Costs throughput.",
    )
    context: bool = Field(
        default=False,
        description='Whether lines in the format "json" tell whose event is handled meanwhile, the'
        " application's own lines, too. Costs a few percent of throughput.",
    )

    @model_validator(mode="after")
    def _context_has_a_place(self) -> Self:
        if self.context and self.format != "json":
            raise ValueError('context: received true with the format "console", expected the format "json"')
        return self
