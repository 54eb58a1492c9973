"""`explore --web` attacked: only pages of this machine that know the token get in, and nothing they say breaks it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rnnlab.explore.door import Door, Screen, read_message
from tests.cli.conftest import CONFIG
from tests.studies.sweeping import BARE, command, wait_for

pytest.importorskip("tornado")

_PATIENCE = 60

WRONG_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1.evil.example:{port}",
    "0.0.0.0:{port}",
    "localhost.evil.example:{port}",
    "localhost",
    "[::1]",
    "127.0.0.2:{port}",
    "192.168.0.1:{port}",
    "127.0.0.1:{port}@evil",
    "evil@127.0.0.1:{port}",
    " ",
    "localhost:{port}/",
    "2130706433:{port}",
]
WRONG_ORIGINS = [
    "http://evil.example",
    "http://evil.example:{port}",
    "https://127.0.0.1:{port}",
    "null",
    "http://127.0.0.1:1",
    "http://127.0.0.1",
    "file://",
    "http://localhost.evil.example:{port}",
    "http://127.0.0.1:{port}.evil.example",
    "",
]
WRONG_PATHS = [
    "/",
    "/1",
    "/1/ws",
    "/js/mpl.js",
    "/_static/css/mpl.css",
    "/1/download.png",
    "//",
    "/{token}x/",
    "/x{token}/",
    "/%2e/",
    "/{token}/2",
    "/{token}/2/ws",
    "/{token}/99999999999999999999/ws",
    "/{token}/1/download.raw",
    "/{token}/1/download.pgf",
    "/{token}/_static/../../../../../etc/passwd",
    "/{token}/_images/..%2f..%2f..%2fetc/passwd",
    "/{token}/_static//etc/passwd",
    "/{token}/_static/",
    "http://evil.example/{token}/",
    "/{token}/\x1b[31m",
    "/{token}/1/ws/",
    "/" + "a" * 8000,
]
METHODS = ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "HEAD", "PATCH", "BREW"]
MALFORMED = [
    "GET\r\n\r\n",
    "\x00" * 100,
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/9.9\r\nHost: 127.0.0.1:{port}\r\n\r\n",
    "GET /{token}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n",
    "GET /{token}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: " + "a" * 20000 + "\r\n\r\n",
    "POST /{token}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 99999999999\r\n\r\n",
    "POST /{token}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
]
_AT: dict[str, object] = {"x": 1, "y": 1, "button": 0, "buttons": 0, "modifiers": []}
_WRONG: list[dict[str, object]] = [
    {"x": float("nan")},
    {"y": None},
    {"buttons": 1e9},
    {"buttons": "1"},
    {"modifiers": "shift"},
    {"modifiers": [[]]},
]
MESSAGES: list[str] = [
    "",
    "{",
    "[]",
    "null",
    "1",
    "[" * 10000,
    "{}",
    '{"type": 1}',
    '{"type": null}',
    "\x00",
    '"draw"',
    *(
        json.dumps({"type": "resize", "width": w, "height": h})
        for w, h in [
            (0, 0),
            (-1, 5),
            ("a", 1),
            (1e300, 1),
            (None, None),
            ([1], 1),
            (float("nan"), 1),
            (True, 1),
            (10**30, 1),
        ]
    ),
    *(
        json.dumps({"type": "set_device_pixel_ratio", "device_pixel_ratio": ratio})
        for ratio in [0, -1, float("nan"), float("inf"), 1e300, "2", None, 1e-300]
    ),
    *(json.dumps({"type": "motion_notify", **(_AT | wrong)}) for wrong in _WRONG),
    *(json.dumps({"type": kind}) for kind in ("button_press", "scroll", "dblclick", "key_press", "toolbar_button")),
    *(json.dumps({"type": "key_press", "key": key}) for key in ("", "no", 5, "k" * 1000, "ctrl+")),
    *(json.dumps({"type": "toolbar_button", "name": name}) for name in ("__init__", "save_figure", "destroy", 5)),
]
"""Each ends the connection that it came by, and no other."""


class Attacked:
    """A server in a process of its own, as a person starts it."""

    def __init__(self, folder: Path) -> None:
        (folder / "tiny.yaml").write_text(CONFIG)
        self.process = subprocess.Popen(
            command("explore", "tiny.yaml", "--web", "--port", "0"),
            cwd=folder, env=BARE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self.port, self.token = int(self.address.split("/")[2].rpartition(":")[2]), self.address.split("/")[3]

    def fill(self, text: str) -> str:
        return text.replace("{port}", str(self.port)).replace("{token}", self.token)

    def ask(self, request: str, *, end: bool = True) -> str:
        """Send bytes, and give the first line of what comes back; empty where the connection is just closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE) as connection:
            connection.sendall(self.fill(request).encode("latin-1"))
            if end:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while b"\r\n" not in answer and (part := connection.recv(65536)):
                    answer += part
            except ConnectionResetError:
                pass
        return answer.partition(b"\r\n")[0].decode("latin-1")

    def get(self, path: str = "/{token}/", host: str = "127.0.0.1:{port}", method: str = "GET", extra: str = "") -> str:
        return self.ask(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{extra}Connection: close\r\n\r\n", end=False)

    def most_memory(self) -> int:
        """Give what the server had in memory at its worst, in kB; of other processes of the tests nothing."""
        (line,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{self.process.pid}/status").read_text(), re.MULTILINE)
        return int(line)

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; gives the exit code and what was said on the way."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=_PATIENCE)
        return self.process.returncode, said


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """Give a server that all tests here attack; at the end it ends by a keyboard interrupt, without a traceback."""
    server = Attacked(tmp_path_factory.mktemp("attacked"))
    yield server
    assert server.get() == "HTTP/1.1 200 OK"
    memory = server.most_memory()
    code, said = server.end(signal.SIGINT)
    assert (code, said.splitlines()) == (130, ["open this address in a browser; Ctrl-C ends it"])
    assert memory < 1_000_000  # kB


def test_whoever_does_not_name_this_machine_and_the_token_is_refused(attacked: Attacked) -> None:
    for host in ("127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"):
        assert attacked.get(host=host) == "HTTP/1.1 200 OK"
        assert attacked.get(host=host, extra=f"Origin: http://{host}\r\n") == "HTTP/1.1 200 OK"
    answers = {host: attacked.get(host=host) for host in WRONG_HOSTS}
    answers |= {origin: attacked.get(extra=f"Origin: {origin}\r\n") for origin in WRONG_ORIGINS}
    answers |= {path: attacked.get(path) for path in WRONG_PATHS}
    answers |= {method: attacked.get(method=method) for method in METHODS}
    answers |= {text: attacked.ask(text) for text in MALFORMED}
    assert len(answers) >= 60
    refused = {"400", "403", "404", "405", "413", "431", ""}
    assert {what: answer for what, answer in answers.items() if answer[9:12] not in refused} == {}


_KNOCK = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def test_a_websocket_opens_to_the_same_alone(attacked: Attacked) -> None:
    """By DNS rebinding a page of another site agrees with itself: Host and Origin are both its own."""
    path = "/{token}/1/ws"
    assert "101" in attacked.get(path, extra=_KNOCK)
    assert "101" in attacked.get(path, extra=_KNOCK + "Origin: http://127.0.0.1:{port}\r\n")
    for host, origin in [("evil.example:{port}", "http://evil.example:{port}"), ("127.0.0.1:{port}", "http://evil")]:
        assert "403" in attacked.get(path, host=host, extra=f"{_KNOCK}Origin: {origin}\r\n")
    assert "403" in attacked.get("/1/ws", extra=_KNOCK)


async def _open(server: Attacked) -> Any:
    from tornado.websocket import websocket_connect

    return await websocket_connect(f"{server.address.replace('http', 'ws')}1/ws")


async def _until(connection: Any, kind: str | None) -> None:
    """Read until an event of this kind, or with None until the connection is closed."""
    while (message := await asyncio.wait_for(connection.read_message(), _PATIENCE)) is not None:
        if kind is not None and isinstance(message, str) and json.loads(message)["type"] == kind:
            return
    assert kind is None


async def _say(server: Attacked, message: str | bytes) -> int:
    """Say something on a connection of its own; gives the code that the server closes it with."""
    connection = await _open(server)
    await connection.write_message(message, binary=isinstance(message, bytes))
    await _until(connection, None)
    connection.close()
    return int(connection.close_code or 0)


def test_a_malformed_message_ends_its_connection_and_no_other(attacked: Attacked) -> None:
    async def talk() -> list[int]:
        codes = [await _say(attacked, message) for message in MESSAGES]
        codes.append(await _say(attacked, b"\xff\xfe"))
        good = await _open(attacked)
        await good.write_message(json.dumps({"type": "send_image_mode"}))
        await _until(good, "image_mode")
        good.close()
        await _until(good, None)
        return codes

    assert {*asyncio.run(talk())} == {1008}


def test_a_message_that_is_too_long_is_not_read(attacked: Attacked) -> None:
    """Its head says how long it is, and that is enough."""
    length = (10_000_000).to_bytes(8, "big")
    path = f"GET /{attacked.token}/1/ws HTTP/1.1\r\nHost: 127.0.0.1:{attacked.port}\r\n{_KNOCK}\r\n"
    with socket.create_connection(("127.0.0.1", attacked.port), timeout=_PATIENCE) as connection:
        connection.sendall(path.encode() + bytes([0x81, 0x80 | 127]) + length + bytes(4))
        heard = b"".join(iter(lambda: connection.recv(65536), b""))
    assert heard.startswith(b"HTTP/1.1 101 ")  # it was let in, and then ended: no more was waited for


def test_sizes_beyond_a_screen_and_words_that_nobody_knows_change_nothing(attacked: Attacked) -> None:
    async def talk() -> None:
        connection = await _open(attacked)
        for said in (
            {"type": "resize", "width": 10_000, "height": 10_000},
            {"type": "set_device_pixel_ratio", "device_pixel_ratio": 8},
            {"type": "set_dpi_ratio", "dpi_ratio": 0},
            {"type": "supports_binary", "value": False},
            {"type": "unheard", "of": {"a": 1}},
        ):
            await connection.write_message(json.dumps(said))
        await connection.write_message(json.dumps({"type": "draw"}))
        while not isinstance(await asyncio.wait_for(connection.read_message(), _PATIENCE), bytes):
            pass
        connection.close()
        await _until(connection, None)

    asyncio.run(talk())


def test_pages_beyond_a_few_and_connections_beyond_many_are_turned_away(attacked: Attacked) -> None:
    async def open_many() -> list[int | None]:
        connections = [await _open(attacked) for _ in range(12)]
        for connection in connections[8:]:
            await _until(connection, None)
            connection.close()
        codes = [connection.close_code for connection in connections]
        for connection in connections[:8]:
            connection.close()
            await _until(connection, None)
        return codes

    assert asyncio.run(open_many()) == [*[None] * 8, *[1013] * 4]
    idle = [socket.create_connection(("127.0.0.1", attacked.port), timeout=_PATIENCE) for _ in range(100)]
    for connection in idle:
        connection.close()
    wait_for(lambda: attacked.get() == "HTTP/1.1 200 OK")


def _flood(server: Attacked, draws: int) -> socket.socket:
    """Ask for so many pictures on a connection that reads none."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=_PATIENCE)
    head = f"GET /{server.token}/1/ws HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{_KNOCK}\r\n"
    draw = json.dumps({"type": "draw"}).encode()
    connection.sendall(head.encode() + (bytes([0x81, 0x80 | len(draw), 0, 0, 0, 0]) + draw) * draws)
    return connection


def test_a_page_that_reads_nothing_keeps_no_other_from_being_served(attacked: Attacked) -> None:
    with _flood(attacked, 100):
        assert attacked.get() == "HTTP/1.1 200 OK"


def test_a_flood_of_pictures_does_not_keep_a_signal_from_ending_it(tmp_path: Path) -> None:
    server = Attacked(tmp_path)
    with _flood(server, 300):
        code, said = server.end(signal.SIGTERM)
    assert (code, "Traceback" in said) == (143, False)


def test_the_door_says_why_and_a_message_is_passed_on_without_what_nobody_asked_for() -> None:
    door = Door(8988, "secret")
    here = {"Host": "127.0.0.1:8988"}
    assert door.refusal("/secret/", here) is None
    assert "lacks its token" in str(door.refusal("/", here))
    assert "no other site" in str(door.refusal("/secret/", {**here, "Origin": "null"}))
    assert "browsers of this machine" in str(door.refusal("/secret/", {}))
    assert Door(80, "secret").refusal("/secret/", {"Host": "localhost"}) is None
    assert len({Door(1).token for _ in range(100)}) == 100
    said = {"type": "resize", "width": 800.0, "height": 600, "figure_id": "1", "more": []}
    assert read_message(json.dumps(said)) == {"type": "resize", "width": 800, "height": 600}
    assert read_message('{"type": "unheard"}') is None


def test_a_screen_is_as_large_as_screens_are() -> None:
    screen = Screen(1100, 620)
    assert screen.admits({"device_pixel_ratio": 2})
    assert screen.admits({"width": 2560, "height": 1440})
    assert not screen.admits({"width": 10_000, "height": 10_000})
    assert not screen.admits({"device_pixel_ratio": 8})
    assert (screen.width, screen.ratio) == (2560, 2)
