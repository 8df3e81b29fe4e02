"""What is there before the commands of a page are run: the scenes that its comments name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from tests.support.examples import ROOT, applied, example

from .stage import Stage

__all__ = ["SCENES"]


async def checkout(stage: Stage) -> None:
    """The repository itself, after make has installed what it needs."""
    stage.folder = ROOT


async def first_application(stage: Stage) -> None:
    """The README's application, page and config file, as the reader has just written them."""
    stage.example("README.md", "first", "app.py")
    stage.example("README.md", "page", "page/index.html")
    stage.example("README.md", "first-config", "rtserver.toml")


async def readme_service(stage: Stage) -> None:
    """The same application, put into service."""
    await first_application(stage)
    stage.example("README.md", "service-config", "rtserver.toml")


async def readme_cluster(stage: Stage) -> None:
    """The same with a Redis."""
    await stage.redis()
    await first_application(stage)
    config = example("README.md", "service-config") + "\n" + example("README.md", "redis-config")
    stage.write("rtserver.toml", config)


async def wrong_file(stage: Stage) -> None:
    """A config file with mistakes."""
    stage.example("docs/configuration.md", "wrong", "rtserver.toml")


async def chat_without_application(stage: Stage) -> None:
    """The two files of a chat that is declared."""
    stage.example("docs/declared-namespaces.md", "chat", "rtserver.toml")
    stage.example("docs/declared-namespaces.md", "page", "page/index.html")


async def teams_without_application(stage: Stage) -> None:
    """The config file of a namespace whose rooms depend on tokens."""
    stage.example("docs/declared-namespaces.md", "teams", "rtserver.toml")


async def application_with_tests(stage: Stage) -> None:
    """The application of the page about testing, and its tests."""
    stage.example("docs/testing.md", "chat", "chat.py")
    stage.example("docs/testing.md", "test_chat", "test_chat.py")


async def python_socketio_application(stage: Stage) -> None:
    """The application that was moved from python-socketio, without the lines that serve it."""
    page = "docs/migrating-from-python-socketio.md"
    code = applied(example(page, "diff"), example(page, "before"))
    stage.write("chat.py", code.partition("app = web")[0])
    stage.example(page, "config", "rtserver.toml")


async def node_application(stage: Stage) -> None:
    """The application that was moved from Node.js."""
    stage.example("docs/migrating-from-node.md", "python", "chat.py")
    stage.example("docs/migrating-from-node.md", "config", "rtserver.toml")


async def centrifugos_place(stage: Stage) -> None:
    """The service that does what Centrifugo did."""
    stage.example("docs/migrating-from-centrifugo.md", "config", "rtserver.toml")


async def service(stage: Stage) -> None:
    """A service that shows what an operator can ask for: health, metrics, tokens, Redis."""
    await stage.redis()
    stage.write(
        "app.py", "def setup(sio):\n    @sio.event\n    async def chat(sid, text):\n        return text\n"
    )
    stage.write("token.secret", "a secret of thirty-two bytes and more")
    stage.write("api.key", API_KEY)
    stage.write("rtserver.toml", SERVICE)
    await stage.serve("rtserver serve --config rtserver.toml")


async def load_test(stage: Stage) -> None:
    """The application of the page about load tests, served."""
    stage.example("docs/load-testing.md", "app", "app.py")
    stage.write("rtserver.toml", 'app = "app:setup"\n')
    await stage.serve("rtserver serve --config rtserver.toml")


async def http_api(stage: Stage) -> None:
    """The service of the page about the HTTP API, and a key for it."""
    stage.example("docs/http-api.md", "app", "app.py")
    stage.example("docs/http-api.md", "config", "rtserver.toml")
    stage.write("api.key", API_KEY)
    await stage.serve("rtserver serve --config rtserver.toml")


async def webhooks(stage: Stage) -> None:
    """The config file and the backend of the page about webhooks."""
    stage.example("docs/webhooks.md", "config", "rtserver.toml")
    stage.write("backend.py", (ROOT / "docs/examples/backend.py").read_text())


API_KEY = "a key that nobody guesses, 32 characters long"

SERVICE = """
app = "app:setup"

[internal]
port = 9000

[metrics]
enabled = true

[cluster]
manager = "redis"
url = "redis://127.0.0.1:6379"

[auth]
namespaces = ["/members"]

[[auth.keys]]
algorithm = "HS256"
secret_file = "token.secret"

[[api.keys]]
name = "shell"
key_file = "api.key"
scopes = ["emit"]
"""

SCENES: Final[dict[str, Callable[[Stage], Awaitable[None]]]] = {
    "a checkout": checkout,
    "the first application": first_application,
    "the service": readme_service,
    "the service with Redis": readme_cluster,
    "a wrong file": wrong_file,
    "a chat without an application": chat_without_application,
    "teams without an application": teams_without_application,
    "an application with tests": application_with_tests,
    "a python-socketio application": python_socketio_application,
    "a Node application in Python": node_application,
    "Centrifugo's place": centrifugos_place,
    "a service": service,
    "a load test": load_test,
    "an API": http_api,
    "webhooks": webhooks,
}
"""Each scene by the name that comments call it by."""
