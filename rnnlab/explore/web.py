"""The explorer in a browser: matplotlib's WebAgg application, served to this machine alone.

WebAgg paints here and sends pictures; the browser sends back where the mouse is. So the same widgets work, and
nothing is fetched from anywhere else. Who may ask for what, `rnnlab.explore.door` says.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rnnlab.explore.door import LONGEST_MESSAGE, Door
from rnnlab.explore.model import Explorer, Settings
from rnnlab.explore.show import make_view
from rnnlab.figures.errors import FigureError

ADDRESS = "127.0.0.1"
"""Only programs of this machine can reach it; from another one, `ssh -L 8988:127.0.0.1:8988 HOST`."""

DEFAULT_PORT = 8988

_LOOK_EVERY = 0.1  # seconds between two looks at whether a signal asked for the end

_GOING_AWAY = 1001  # what a websocket's closing says where the server ends (RFC 6455, 7.4.1)

_END_SECONDS = 0.3  # until the end, for pages that are open

_MOST_CONNECTIONS = 64  # a browser opens six

_LIMITS = {
    "max_header_size": 16 * 1024,
    "max_body_size": 1024,  # nobody has anything to send but messages
    "max_buffer_size": 4 * LONGEST_MESSAGE,
    "idle_connection_timeout": 30.0,
    "body_timeout": 10.0,
}

NO_TORNADO = "--web needs tornado: pip install 'rnnlab[web]'"


def serve(
    explorer: Explorer,
    start: Settings,
    port: int | None,
    announce: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> None:
    """Serve the view until `should_stop` says so.

    Args:
        explorer: computes what is drawn.
        start: where sliders and buttons stand at first.
        port: None for 8988, or a free one if that is taken.
        announce: is told the address for the browser.
        should_stop: is asked ten times a second.

    Raises:
        FigureError: tornado is missing, or the port cannot be had.
    """
    try:
        import tornado.web  # noqa: F401
    except ImportError:
        raise FigureError(NO_TORNADO) from None
    from matplotlib import pyplot

    with _listen(port) as listener, _one_sentence_a_fault():
        pyplot.switch_backend("webagg")
        view = make_view(explorer, start)
        try:
            asyncio.run(_serve(listener, view.figure.canvas.manager, announce, should_stop))
        finally:
            pyplot.close(view.figure)


def _listen(port: int | None) -> socket.socket:
    """Take the port, or if none was asked for the default one or any that is free."""
    try:
        listener = socket.create_server((ADDRESS, DEFAULT_PORT if port is None else port))
    except OSError as error:
        if port is None:
            listener = socket.create_server((ADDRESS, 0))
        elif error.errno == errno.EADDRINUSE:
            raise FigureError(f"--port: {port} is taken; without --port a free one is found") from None
        else:
            reason = error.strerror
            raise FigureError(f"--port: {port} cannot be had ({reason}); choose one from 1024 to 65535") from None
    listener.setblocking(False)
    return listener


async def _serve(
    listener: socket.socket, manager: Any, announce: Callable[[str], None], should_stop: Callable[[], bool]
) -> None:
    from tornado.httpserver import HTTPServer

    from rnnlab.explore.pages import pages

    class Server(HTTPServer):
        """Answers no more connections at a time than pages need."""

        def handle_stream(self, stream: Any, address: Any) -> None:
            if len(self._connections) >= _MOST_CONNECTIONS:
                stream.close()
            else:
                super().handle_stream(stream, address)

    door = Door(listener.getsockname()[1])
    server: Any = Server(pages(door, manager), **_LIMITS)
    server.add_socket(listener)
    try:
        announce(f"http://{ADDRESS}:{door.port}{door.prefix}/")
        while not should_stop():
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        server.stop()
        await asyncio.wait([asyncio.ensure_future(server.close_all_connections())], timeout=_END_SECONDS)
        await _hang_up(manager.web_sockets)


@contextmanager
def _one_sentence_a_fault() -> Iterator[None]:
    """Let tornado tell of a fault in a sentence, and nothing of requests that it refuses."""
    logger, handler = logging.getLogger("tornado"), logging.StreamHandler()
    before = logger.propagate, logger.level
    handler.setFormatter(_Sentence())
    handler.setLevel(logging.ERROR)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate, logger.level = before


class _Sentence(logging.Formatter):
    """Writes no traceback, and nothing of what was sent."""

    def format(self, record: logging.LogRecord) -> str:
        kind = record.exc_info[0] if record.exc_info else None
        return (
            f"rnnlab: a page asked for what could not be done ({kind.__name__ if kind else record.levelname.lower()})"
        )


async def _hang_up(web_sockets: set[Any]) -> None:
    """Close the pages that are open, of which tornado's `close_all_connections` knows nothing.

    Each is told, and none is waited for: a browser that sleeps would hold up the end by tornado's five seconds.
    """
    for web_socket in tuple(web_sockets):
        stream = web_socket.ws_connection.stream
        web_socket.close(_GOING_AWAY)
        stream.close()
    deadline = time.monotonic() + _END_SECONDS
    while web_sockets and time.monotonic() < deadline:  # each takes itself out, a turn of the loop after its closing
        await asyncio.sleep(0)
