"""What the server of `explore --web` answers: WebAgg's own pages and messages, behind the door."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from matplotlib.backends.backend_webagg import WebAggApplication
from tornado.web import Application, OutputTransform, RequestHandler
from tornado.websocket import WebSocketClosedError

from rnnlab.explore.door import LONGEST_MESSAGE, Door, Screen, read_message

_MOST_PAGES = 8  # that are open at a time

_MOST_UNREAD = 32  # pictures and events that a page has not taken yet

_PAUSE_SECONDS = 10.0  # for a page to take what was sent to it

_REFUSED, _TRY_LATER = 1008, 1013  # RFC 6455, 7.4.1, and its registry

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address holds the token
    "X-Content-Type-Options": "nosniff",
}


class _Headers(OutputTransform):
    """Adds what tells a browser to keep the page to itself."""

    def transform_first_chunk(
        self, status_code: int, headers: Any, chunk: bytes, finishing: bool
    ) -> tuple[int, Any, bytes]:
        for name, value in _HEADERS.items():
            headers[name] = value
        return super().transform_first_chunk(status_code, headers, chunk, finishing)


class _Refusal(RequestHandler):
    """Answers what the door does not let in, by whatever method."""

    reason: str

    def initialize(self, reason: str) -> None:
        self.reason = reason

    def prepare(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"rnnlab: {self.reason}\n")


class _Messages(WebAggApplication.WebSocket):
    """The connection of one open page."""

    application: _Pages

    def open(self, fignum: str) -> None:
        """Take a page in."""
        self._unread: set[asyncio.Future[None]] = set()
        if len(self.application.manager.web_sockets) >= _MOST_PAGES:
            self.close(_TRY_LATER, "too many pages are open")
            return
        super().open(fignum)  # type: ignore[no-untyped-call]

    def on_close(self) -> None:
        """Forget it."""
        self.application.manager.web_sockets.discard(self)

    async def on_message(self, message: str | bytes) -> None:
        """Do what a page says, and give the loop a turn: a flood of messages keeps nobody from ending it."""
        try:
            said = read_message(message)
        except ValueError as error:
            self.close(_REFUSED, str(error)[:100].encode("ascii", "replace").decode())
            return
        if said is not None and said["type"] != "supports_binary" and self.application.screen.admits(said):
            self.application.manager.handle_json({"guiEvent": None, **said})
        await asyncio.sleep(0)
        if self._unread:
            _, waiting = await asyncio.wait(self._unread, timeout=_PAUSE_SECONDS)
            if waiting:
                self._turn_away()

    def send_json(self, content: Any) -> None:
        """Send an event."""
        self._send(json.dumps(content))

    def send_binary(self, blob: bytes) -> None:
        """Send a picture."""
        self._send(blob)

    def _send(self, content: str | bytes) -> None:
        """Send what a page takes; from one that reads nothing, turn away."""
        if len(self._unread) >= _MOST_UNREAD:
            self._turn_away()
            return
        try:
            sending = asyncio.ensure_future(self.write_message(content, binary=isinstance(content, bytes)))
        except WebSocketClosedError:
            return
        self._unread.add(sending)
        sending.add_done_callback(self._note_read)

    def _turn_away(self) -> None:
        """Close the connection of a page that does not read, without waiting for its answer."""
        if self.ws_connection is not None and self.ws_connection.stream is not None:
            self.ws_connection.stream.close()

    def _note_read(self, sent: asyncio.Future[None]) -> None:
        self._unread.discard(sent)
        if not sent.cancelled():
            sent.exception()  # a page that is gone is no fault


class _Pages(WebAggApplication):
    """WebAgg's application; a request comes to it only through the door."""

    WebSocket = _Messages

    def __init__(self, door: Door, manager: Any) -> None:
        super().__init__(url_prefix=door.prefix)  # type: ignore[no-untyped-call]
        self.add_transform(_Headers)
        self.settings["websocket_max_message_size"] = LONGEST_MESSAGE
        self.settings["log_function"] = lambda _: None
        self.door, self.manager = door, manager
        self.screen = Screen(*manager.canvas.get_width_height())

    def find_handler(self, request: Any, **kwargs: Any) -> Any:
        """Give who answers."""
        reason = self.door.refusal(request.path, request.headers)
        if reason is not None:
            return self.get_handler_delegate(request, _Refusal, {"reason": reason})
        return super().find_handler(request, **kwargs)


def pages(door: Door, manager: Any) -> Application:
    """Give the application for a figure's manager."""
    return _Pages(door, manager)
