"""The official admin UI in Chromium, as an operator uses it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from aiohttp import web
from playwright.async_api import Browser, Locator, Page, Route, expect

__all__ = ["DIST", "AdminUi", "serve_ui"]

DIST = Path(__file__).parents[1] / "node_modules" / "@socket.io" / "admin-ui" / "ui" / "dist"
FOREIGN = re.compile(r"https://(fonts\.googleapis\.com|cdn\.jsdelivr\.net)/")
"""Where the page gets its fonts from."""


def serve_ui(app: web.Application) -> None:
    """Let an application serve the page under ``/ui/``."""

    async def page(request: web.Request) -> web.FileResponse:
        return web.FileResponse(DIST / "index.html")

    app.router.add_get("/ui/", page)
    app.router.add_static("/ui/", DIST)


class AdminUi:
    """The page, in a browser profile of its own.

    Args:
        page: The page.
        url: Where it is.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.dialog = page.locator(".v-dialog")

    @classmethod
    async def open(cls, browser: Browser, url: str) -> Self:
        """Open the page.

        Args:
            browser: The browser.
            url: The page's address.
        """
        context = await browser.new_context(viewport={"width": 1400, "height": 900})
        await context.route(FOREIGN, without_fonts)
        ui = cls(await context.new_page(), url)
        await ui.page.goto(url)
        return ui

    async def close(self) -> None:
        """Close the profile, and look whether anything went wrong in the page."""
        await self.page.context.close()
        assert self.errors == []

    async def log_in(self, server: str, username: str = "", password: str = "") -> None:
        """Fill in the form."""
        await self.page.get_by_label("Server URL").fill(server)
        await self.page.get_by_label("Username").fill(username)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Connect").click()

    async def is_connected(self) -> None:
        """Wait until it is."""
        await expect(self.dialog).to_be_hidden()
        await expect(self.page.locator("header")).to_contain_text("connected")

    async def goto(self, panel: str) -> None:
        """Go to one of the panels of the menu."""
        await self.page.get_by_role("navigation").get_by_text(panel, exact=True).click()
        await expect(self.page.locator(".v-breadcrumbs")).to_have_text(
            [panel]
        )  # one: the other has slid away

    @property
    def panels(self) -> Locator:
        """The menu's items."""
        return self.page.get_by_role("navigation").locator(".v-list-item__title")

    def row(self, *texts: str) -> Locator:
        """Find the row of a table by what is in it."""
        row = self.page.locator("main tbody tr")
        for text in texts:
            row = row.filter(has_text=text)
        return row

    def card(self, title: str) -> Locator:
        """Find a part of a panel by its title."""
        return self.page.locator(".v-card").filter(
            has=self.page.locator(".v-card__title").get_by_text(title, exact=True)
        )

    def button(self, icon: str, within: Locator) -> Locator:
        """Find a button by its icon."""
        return within.locator(f"button:has(.mdi-{icon})")


async def without_fonts(route: Route) -> None:
    """Answer a request for fonts."""
    await route.fulfill(content_type="text/css", body="")
