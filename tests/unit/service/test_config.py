from __future__ import annotations

from operator import attrgetter
from pathlib import Path

import pytest

from rtserver.errors import ConfigError
from rtserver.service.config import environment_name, load_config, valid_keys

APP = (
    'an import path, "package.module:attribute"; or none, where [[namespaces]] or webhooks.namespaces say'
    " what is served"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rtserver.toml"


def problems(file: Path | None, text: str = "") -> list[str]:
    """Load a file that is wrong, and return its lines without the file's name."""
    if file:
        file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    return [line.removeprefix(f"{file}: ") for line in caught.value.problems]


class TestPrecedence:
    def test_defaults_stand_where_nothing_is_set(self, file: Path) -> None:
        file.write_text('app = "chat:setup"')
        config = load_config(file)
        assert config.listen.host == "127.0.0.1"
        assert config.listen.port == 8000
        assert config.engine.ping_interval == 25
        assert config.app == "chat:setup"

    def test_environment_precedes_file_precedes_default(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file.write_text('app = "chat:setup"\n[listen]\nport = 1000\nbacklog = 7')
        monkeypatch.setenv("RTSERVER_LISTEN__PORT", "2000")
        config = load_config(file)
        assert (config.listen.port, config.listen.backlog, config.listen.host) == (2000, 7, "127.0.0.1")

    def test_command_line_precedes_environment(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.write_text('app = "chat:setup"\n[listen]\nport = 1000')
        monkeypatch.setenv("RTSERVER_LISTEN__PORT", "2000")
        assert load_config(file, {"listen.port": 3000, "log.level": "debug"}).listen.port == 3000

    @pytest.mark.parametrize(
        ("name", "text", "key", "value"),
        [
            ("RTSERVER_ENGINE__PING_INTERVAL", "2.5", "engine.ping_interval", 2.5),
            ("RTSERVER_ENGINE__HTTP_COMPRESSION", "false", "engine.http_compression", False),
            ("RTSERVER_ENGINE__TRANSPORTS", '["websocket"]', "engine.transports", ["websocket"]),
            ("RTSERVER_ENGINE__CORS_ALLOWED_ORIGINS", "*", "engine.cors_allowed_origins", "*"),
            (
                "RTSERVER_ENGINE__CORS_ALLOWED_ORIGINS",
                '["https://a.example"]',
                "engine.cors_allowed_origins",
                ["https://a.example"],
            ),
            ("RTSERVER_SOCKET__NAMESPACES", "*", "socket.namespaces", "*"),
            ("RTSERVER_SOCKET__NAMESPACES", '["/a"]', "socket.namespaces", ["/a"]),
            ("RTSERVER_SOCKET__SLOW_CLIENTS", "conflate", "socket.slow_clients", "conflate"),
            (
                "RTSERVER_SOCKET__SLOW_CLIENTS",
                '{"/a": "conflate"}',
                "socket.slow_clients",
                {"/a": "conflate"},
            ),
            ("RTSERVER_LOG__LEVELS", '{"a.b": "debug"}', "log.levels", {"a.b": "debug"}),
        ],
    )
    def test_environment_speaks_every_type(
        self, monkeypatch: pytest.MonkeyPatch, name: str, text: str, key: str, value: object
    ) -> None:
        monkeypatch.setenv("RTSERVER_APP", "chat:setup")
        monkeypatch.setenv(name, text)
        assert attrgetter(key)(load_config(None)) == value


class TestPaths:
    def test_paths_in_a_file_are_relative_to_its_folder(self, file: Path) -> None:
        (file.parent / "pages").mkdir()
        file.write_text('app = "chat:setup"\n[[static]]\nprefix = "/"\nfolder = "pages"')
        config = load_config(file)
        assert config.static[0].folder == str(file.parent / "pages")
        assert config.app_dir == str(file.parent)

    def test_paths_in_the_environment_are_relative_to_the_working_directory(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "here" / "pages").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "here")
        monkeypatch.setenv("RTSERVER_APP_DIR", "pages")
        file.write_text('app = "chat:setup"')
        assert load_config(file).app_dir == "pages"


class TestProblems:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            (
                '[listen]\nport = "80"',
                'listen.port: received "80", expected an integer, at least 0 and at most 65535',
            ),
            (
                "[listen]\nport = 70000",
                "listen.port: received 70000, expected an integer, at least 0 and at most 65535",
            ),
            ('[listen]\nhost = ""', 'listen.host: received "", expected text that isn\'t empty'),
            (
                "listen = 5",
                "listen: received 5, expected a table with host, port, unix_socket, unix_socket_mode,",
            ),
            (
                '[listen]\npath = "so cket"',
                'listen.path: received "so cket", expected a URL path of letters, digits and . _ ~ -',
            ),
            (
                '[socket]\nslow_clients = {a = "conflate"}',
                'socket.slow_clients: received {"a": "conflate"}, expected one of "disconnect",',
            ),
            ('loop = "libev"', 'loop: received "libev", expected one of "uvloop", "asyncio"'),
            ('app = "chat"', f'app: received "chat", expected {APP}'),
            (
                "[engine]\nping_interval = 0",
                "engine.ping_interval: received 0, expected a number, above 0 and at most 86400",
            ),
            (
                "[engine]\nping_interval = inf",
                "engine.ping_interval: received Infinity, expected a number, above 0 and at most 86400",
            ),
            (
                '[engine]\ntransports = ["websocket", "pigeon"]',
                'engine.transports[1]: received "pigeon", expected one of "polling", "websocket"',
            ),
            (
                "[engine]\ntransports = []",
                "engine.transports: received [], expected a list that isn't empty, each item one of",
            ),
            (
                "[engine]\ncors_allowed_origins = []",
                "engine.cors_allowed_origins: received [], which would let every page connect",
            ),
            (
                "[engine]\ncors_allowed_origins = [1, 2]",
                'engine.cors_allowed_origins: received [1, 2], expected "*", an origin such as',
            ),
            (
                '[engine]\nhttp_compression = "yes"',
                'engine.http_compression: received "yes", expected true or false',
            ),
            (
                '[log.levels]\n"a.b" = "loud"',
                'log.levels."a.b": received "loud", expected one of "debug", "info", "warning", "error"',
            ),
            (
                '[engine]\ncors_allowed_origins = ["https://a.example", "https://b.example/"]',
                "engine.cors_allowed_origins: received 'https://b.example/', expected an origin: ",
            ),
            (
                '[[static]]\nprefix = "/"',
                "static[0].folder: missing, expected the path of a folder that exists",
            ),
        ],
    )
    def test_a_wrong_value_names_key_value_and_what_was_expected(
        self, file: Path, text: str, line: str
    ) -> None:
        head = "" if text.startswith("app") else 'app = "chat:setup"\n'
        (found,) = problems(file, head + text)
        assert found.startswith(line)

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("[listen]\nprot = 1", "listen.prot: unknown setting (received 1); did you mean listen.port?"),
            ("port = 1", "port: unknown setting (received 1); did you mean listen.port?"),
            ("[listn]\na = 1", 'listn: unknown setting (received {"a": 1}); did you mean listen?'),
            (
                "[socket]\nping_intervall = 1",
                "socket.ping_intervall: unknown setting (received 1); did you mean engine.ping_interval?",
            ),
            (
                "qqqqqqqq = 1",
                'qqqqqqqq: unknown setting (received 1); "rtserver default-config" lists the settings',
            ),
        ],
    )
    def test_an_unknown_key_comes_with_the_nearest_one(self, file: Path, text: str, line: str) -> None:
        assert problems(file, 'app = "chat:setup"\n' + text) == [line]

    def test_an_unknown_key_of_a_repeated_table_has_its_number(self, file: Path) -> None:
        found = problems(
            file,
            'app = "chat:setup"\n[[static]]\nprefix = "/"\nfolder = "."\n'
            '[[static]]\nprefix = "/b"\nfolder = "."\nfoldr = 2',
        )
        assert found == ["static[1].foldr: unknown setting (received 2); did you mean static.folder?"]

    def test_every_problem_is_told_at_once(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RTSERVER_LISTEN__BACKLOG", "many")
        monkeypatch.setenv("RTSERVER_LISTEN__HSOT", "::")
        monkeypatch.setenv("RTSERVER_LOGG__LEVEL", "info")
        assert problems(file, '[listen]\nport = "x"\nprot = 1\n[engine]\ncookie = 5') == [
            'environment: RTSERVER_LOGG__LEVEL: unknown setting (received "info");'
            " did you mean RTSERVER_LOG__LEVEL?",
            f"app: missing, expected {APP}",
            'listen.port: received "x", expected an integer, at least 0 and at most 65535',
            'environment: RTSERVER_LISTEN__BACKLOG: received "many",'
            " expected an integer, at least 1 and at most 65535",
            "listen.prot: unknown setting (received 1); did you mean listen.port?",
            'environment: RTSERVER_LISTEN__HSOT: unknown setting (received "::");'
            " did you mean RTSERVER_LISTEN__HOST?",
            "engine.cookie: received 5, expected text that isn't empty",
        ]

    def test_a_value_that_isnt_json_is_a_wrong_value(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RTSERVER_APP", "chat:setup")
        monkeypatch.setenv("RTSERVER_ENGINE__TRANSPORTS", "websocket")
        assert problems(None) == [
            'environment: RTSERVER_ENGINE__TRANSPORTS: received "websocket",'
            ' expected a list that isn\'t empty, each item one of "polling", "websocket"'
        ]

    def test_a_long_value_is_cut(self, file: Path) -> None:
        (line,) = problems(file, f'app = "{"x" * 500}"')
        assert line == f'app: received "{"x" * 79}…, expected {APP}'

    def test_the_command_line_is_named(self, file: Path) -> None:
        file.write_text('app = "chat:setup"')
        with pytest.raises(ConfigError) as caught:
            load_config(file, {"listen.port": 99_999})
        assert caught.value.problems == (
            "command line: listen.port: received 99999, expected an integer, at least 0 and at most 65535",
        )

    def test_service_links_of_an_orchestrator_are_no_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RTSERVER_APP", "chat:setup")
        monkeypatch.setenv("RTSERVER_SERVICE_HOST", "10.0.0.1")
        monkeypatch.setenv("RTSERVER_SERVICE_PORT_HTTP", "80")
        monkeypatch.setenv("RTSERVER_PORT", "tcp://10.0.0.1:80")
        monkeypatch.setenv("RTSERVER_PORT_80_TCP_ADDR", "10.0.0.1")
        assert load_config(None).listen.port == 8000
        monkeypatch.setenv("RTSERVER_PORT", "80")
        assert problems(None) == [
            'environment: RTSERVER_PORT: unknown setting (received "80"); did you mean RTSERVER_LISTEN__PORT?'
        ]


class TestFiles:
    def test_a_syntax_error_has_line_and_column(self, file: Path) -> None:
        assert problems(file, 'app = "a:b"\nport = \n') == [
            "isn't valid TOML: Invalid value (at line 2, column 8)"
        ]

    def test_a_missing_file(self, tmp_path: Path) -> None:
        assert problems_of(tmp_path / "none.toml") == ["can't be read: No such file or directory"]

    def test_a_folder(self, tmp_path: Path) -> None:
        assert problems_of(tmp_path) == ["can't be read: Is a directory"]

    def test_bytes_that_are_no_text(self, file: Path) -> None:
        file.write_bytes(b'app = "\xff"')
        assert problems_of(file) == ["isn't UTF-8 text: wrong byte at offset 7"]


def problems_of(file: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    return [line.removeprefix(f"{file}: ") for line in caught.value.problems]


def test_a_password_in_a_url_is_not_shown(file: Path) -> None:
    (problem,) = problems(
        file, 'app = "chat:setup"\n[webhooks]\nurl = "https://ada:hunter2@backend.example/"'
    )
    assert problem == (
        "webhooks.url: received (not shown), expected a URL that begins with http:// or https://, without"
        " user and password"
    )


def test_keys_and_their_variables() -> None:
    keys = valid_keys()
    assert {"app", "listen", "listen.port", "static.folder"} <= set(keys)
    assert len(keys) == len(set(keys))
    assert environment_name("listen.port") == "RTSERVER_LISTEN__PORT"
