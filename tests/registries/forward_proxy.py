"""A forward proxy in this process: it makes tunnels, or whatever it is told to do instead."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

Answer = Callable[[socket.socket], None]
"""Answers a CONNECT itself; the connection is closed afterwards."""


@dataclass(frozen=True)
class Connect:
    """A CONNECT as it arrived."""

    target: str
    headers: dict[str, str]

    @property
    def login(self) -> str | None:
        return self.headers.get("proxy-authorization")


@dataclass
class ForwardProxy:
    """``leads_to``: the port on loopback at which all tunnels end. ``login``: the header that it demands.

    ``answers``: by target, in place of a tunnel; ``""``: for all targets. ``asked``: the requests so far.
    ``greeting``: what it says where it makes a tunnel.
    """

    leads_to: int
    login: str | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Connect] = field(default_factory=list)
    greeting: bytes = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        return [connect.target for connect in self.asked]

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(client)
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        with client:
            try:
                self._tunnel(client)
            except OSError:
                return

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = client.recv(1)
            if not piece:
                return
            head += piece
        first, *lines = head.decode("ascii").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.asked.append(Connect(target, headers))
        answer = self.answers.get(target) or self.answers.get("")
        if method != "CONNECT":
            client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
        elif self.login is not None and headers.get("proxy-authorization") != self.login:
            client.sendall(b'HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm="p"\r\n\r\n')
        elif answer is not None:
            answer(client)
        else:
            self._pass_on(client)

    def _pass_on(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self.leads_to)) as server:
            self._open.add(server)
            client.sendall(self.greeting)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for one in list(self._open):
            _hang_up(one)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65_536):
            target.sendall(piece)
    except OSError:
        pass
    _hang_up(target)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def says_status(status: int, more: bytes = b"") -> Answer:
    """An answer: this status, and headers and a body behind it."""
    return lambda client: client.sendall(b"HTTP/1.1 %d Status\r\n%s\r\n<html>" % (status, more))
