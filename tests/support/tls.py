"""TLS in front of a server that speaks none, as a proxy terminates it."""

import contextlib
import select
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Self


def make_certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate of localhost, `{name}.pem`, with its key `{name}.key` beside it."""
    certificate = folder / f"{name}.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=DNS:localhost -keyout {certificate.with_suffix('.key')} -out {certificate}"
    )
    subprocess.run(command.split(), check=True, capture_output=True, timeout=60)
    return certificate


class TlsFront:
    """Listens with `certificate` and hands on to `port` of this machine; a context manager.

    `accepted` counts the connections whose handshake was completed.
    """

    def __init__(self, port: int, certificate: Path) -> None:
        self._target = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with contextlib.suppress(OSError), caller:
            secured = self._context.wrap_socket(caller, server_side=True)
            self.accepted += 1
            with secured, socket.create_connection(("127.0.0.1", self._target)) as server:
                _relay(secured, server)


def _relay(secured: ssl.SSLSocket, server: socket.socket) -> None:
    """Both ways by one thread: OpenSSL does not let two read and write one connection at once."""
    while True:
        ready = [secured] if secured.pending() else select.select([secured, server], [], [])[0]
        for source in ready:
            data = source.recv(65536)
            if not data:
                return
            (server if source is secured else secured).sendall(data)
