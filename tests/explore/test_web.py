"""The explorer served to a browser: real sockets, plain HTTP and the websocket that a browser would open."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from rnnlab.explore.model import Explorer
from rnnlab.explore.web import ADDRESS, DEFAULT_PORT, serve
from rnnlab.figures.errors import FigureError
from tests.explore.test_model import config_of

pytest.importorskip("tornado")

_PATIENCE = 60  # seconds until a server that does not answer fails a test


class Served:
    """A server in a thread of its own."""

    def __init__(self, port: int | None) -> None:
        self.address = ""
        self.error: BaseException | None = None
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port,))
        self._thread.start()
        assert self._ready.wait(_PATIENCE)

    def _run(self, port: int | None) -> None:
        explorer = Explorer(config_of({"seq_len": 6}))
        try:
            serve(explorer, explorer.start, port, self._announce, self._stop.is_set)
        except FigureError as error:
            self.error = error
            self._ready.set()

    def _announce(self, address: str) -> None:
        self.address = address
        self._ready.set()

    @property
    def port(self) -> int:
        return int(self.address.split("/")[2].rpartition(":")[2])

    @property
    def token(self) -> str:
        return self.address.split("/")[3]

    def close(self) -> None:
        self._stop.set()
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture
def served() -> Iterator[Served]:
    """Give a server on a free port."""
    backend = pyplot.get_backend()
    server = Served(0)
    yield server
    server.close()
    pyplot.switch_backend(backend)


def _get(address: str) -> tuple[int, str]:
    with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:
        return answer.status, answer.read().decode()


def test_the_page_and_all_that_it_needs_come_from_the_server(served: Served) -> None:
    status, page = _get(served.address)
    assert status == 200
    assert "mpl.figure" in page
    assert "//" not in page.replace("ws://", "").replace("://www.w3.org", ""), "the page asks nobody else"
    for part in ("js/mpl.js", "_static/js/mpl_tornado.js", "_static/css/mpl.css", "_images/home.png"):
        with urllib.request.urlopen(served.address + part, timeout=_PATIENCE) as answer:
            assert answer.status == 200


def test_it_listens_at_127_0_0_1_alone(served: Served) -> None:
    assert served.address == f"http://127.0.0.1:{served.port}/{served.token}/"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in (*(others - {"127.0.0.1"}), "127.0.0.2"):
        with pytest.raises(OSError), socket.create_connection((str(address), served.port), timeout=5):
            pass
    with socket.create_connection((ADDRESS, served.port), timeout=5):
        pass


async def _open_page(server: Served) -> Any:
    """Open what a page in a browser keeps open."""
    from tornado.websocket import websocket_connect

    return await websocket_connect(f"{server.address.replace('http', 'ws')}1/ws")


async def _until_closed(connection: Any) -> None:
    """Read until both sides have closed: a loop that ends earlier leaves its socket to the garbage collector."""
    while await asyncio.wait_for(connection.read_message(), _PATIENCE) is not None:
        pass


async def _talk(server: Served) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Do as the browser does: ask for the picture, drag weight_scale to its left end, ask for the picture again."""
    connection = await _open_page(server)
    pictures: list[bytes] = []
    events: list[dict[str, Any]] = []

    async def tell(kind: str, **content: Any) -> None:
        await connection.write_message(json.dumps({"type": kind, "figure_id": "1"} | content))

    async def draw() -> None:
        await tell("draw")
        count = len(pictures)
        while len(pictures) == count:
            message: Any = await asyncio.wait_for(connection.read_message(), _PATIENCE)
            if isinstance(message, bytes):
                pictures.append(message)
            else:
                events.append(json.loads(message))

    await tell("supports_binary", value=True)
    await tell("refresh")
    await draw()
    mouse = {"y": (1 - 0.1575) * 620, "button": 0, "modifiers": [], "guiEvent": None}
    await tell("button_press", x=0.275 * 1100, buttons=1, **mouse)
    await tell("motion_notify", x=0.1301 * 1100, buttons=1, **mouse)
    await draw()
    await tell("button_release", x=0.1301 * 1100, buttons=0, **mouse)
    await draw()
    connection.close()
    await _until_closed(connection)
    return pictures, events


def test_a_slider_moves_by_what_the_browser_sends_and_the_picture_changes(served: Served) -> None:
    figure = pyplot.figure(1)
    before = _title(figure)
    pictures, events = asyncio.run(_talk(served))
    assert all(picture.startswith(b"\x89PNG\r\n") for picture in pictures)
    assert len(set(pictures[:2])) == 2
    assert {"figure_label", "draw", "image_mode"} <= {event["type"] for event in events}
    assert {"type": "figure_label", "label": "rnnlab explore: small"} in events
    explorer = Explorer(config_of({"seq_len": 6}))
    drawn = explorer.draw(explorer.start.with_scales(-5.0, None))
    assert before != _title(figure)
    assert _title(figure).startswith(f"loss {drawn.loss:.4g}    spectral radius ")
    panel = next(axes for axes in figure.axes if axes.get_title(loc="left") == "‖dL/dh_t‖")
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), drawn.grad_norm_LT[0])


def _title(figure: Figure) -> str:
    texts = (text.get_text() for axes in figure.axes for text in axes.texts)
    return next(text for text in texts if text.startswith("loss "))


def test_letters_are_no_shortcuts_that_would_close_the_figure_or_change_an_axis(served: Served) -> None:
    figure = pyplot.figure(1)
    manager: Any = figure.canvas.manager
    for key in "qlk":
        manager.handle_json({"type": "key_press", "key": f"k{key}", "guiEvent": None})
    assert pyplot.fignum_exists(1)
    assert [axes.get_yscale() for axes in figure.axes[:2]] == ["linear", "log"]


def test_a_page_that_is_still_open_when_the_server_ends_is_told_and_nothing_is_left_unclosed(served: Served) -> None:
    async def outlast() -> int:
        connection = await _open_page(served)
        await asyncio.to_thread(served.close)
        await _until_closed(connection)
        connection.close()
        return int(connection.close_code)

    assert asyncio.run(outlast()) == 1001
    gc.collect()  # a socket that nobody closed would warn here, and a warning is an error


def test_a_server_whose_address_cannot_be_told_ends_and_closes_everything() -> None:
    def fail(address: str) -> None:
        raise BrokenPipeError

    explorer = Explorer(config_of({"seq_len": 6}))
    backend = pyplot.get_backend()
    with pytest.raises(BrokenPipeError):
        serve(explorer, explorer.start, 0, fail, lambda: False)
    assert pyplot.get_fignums() == []
    pyplot.switch_backend(backend)
    gc.collect()


def test_a_port_that_is_taken_is_a_sentence_and_without_port_another_is_found(served: Served) -> None:
    again = Served(served.port)
    assert str(again.error) == f"--port: {served.port} is taken; without --port a free one is found"
    again.close()
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind((ADDRESS, DEFAULT_PORT))
            holder.listen()
        except OSError:
            pass  # somebody else holds it: just as well
        other = Served(None)
        try:
            assert other.port != DEFAULT_PORT
            assert _get(other.address)[0] == 200
        finally:
            other.close()
