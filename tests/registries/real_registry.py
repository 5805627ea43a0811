"""Debian's docker-registry (distribution 2.8.2) on loopback: plain, Basic or Bearer, with a token server."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from tests.registries.conftest import SECRET
from tests.registries.double import Double, Handler
from tests.support.servers import free_port

USER = "robot$ci"
SERVICE = "real-registry"
BASIC = "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
# htpasswd -nbB of USER and SECRET at the lowest cost
HTPASSWD = f"{USER}:$2b$04$MyeLNdpJF./5y2FIPJDjr.YMf59YSL4tDdnVFzd9m43zYF6AX4WYu\n"


def binary() -> str:
    """The registry, or a skipped test; where CI is set, a failed one."""
    path = shutil.which("docker-registry")
    if path is None:
        reason = "docker-registry is not installed: apt-get install docker-registry"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


class RealRegistry:
    """A registry process with its data under ``folder``."""

    def __init__(self, folder: Path, auth: Mapping[str, object] | None = None) -> None:
        self.port = free_port()
        self.authority = f"127.0.0.1:{self.port}"
        config = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
            "http": {"addr": self.authority, "secret": "not much of one"},
        } | ({"auth": auth} if auth else {})
        (folder / "config.yml").write_text(yaml.safe_dump(config))
        self._command = [binary(), "serve", str(folder / "config.yml")]
        self.start()

    def start(self) -> None:
        """Start it, or start it again after `close`, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        with requests.Session() as session:
            session.trust_env = False
            while time.monotonic() < deadline and self._process.poll() is None:
                try:
                    with session.get(f"http://{self.authority}/v2/", timeout=10):
                        return
                except requests.RequestException:
                    time.sleep(0.05)
        self.close()
        pytest.fail("docker-registry does not answer")

    def push(self, name: str, *tags: str, authorization: str | None = None) -> None:
        """Stores an empty image under the tags."""
        with requests.Session() as session:
            session.trust_env = False
            if authorization:
                session.headers["Authorization"] = authorization
            base = f"http://{self.authority}/v2/{name}"
            config = self._blob(session, base, b"{}")
            kind = "application/vnd.docker.distribution.manifest.v2+json"
            manifest = {
                "schemaVersion": 2,
                "mediaType": kind,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "size": 2,
                    "digest": config,
                },
                "layers": [],
            }
            for tag in tags:
                put = session.put(
                    f"{base}/manifests/{tag}",
                    data=json.dumps(manifest),
                    headers={"Content-Type": kind},
                    timeout=10,
                )
                put.raise_for_status()

    @staticmethod
    def _blob(session: requests.Session, base: str, data: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        upload = session.post(f"{base}/blobs/uploads/", timeout=10)
        upload.raise_for_status()
        put = session.put(upload.headers["Location"], params={"digest": digest}, data=data, timeout=10)
        put.raise_for_status()
        return digest

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TokenServer:
    """Signs the tokens that a registry with ``auth`` takes: for ``USER``; to pull ``public/*`` for anyone."""

    def __init__(self, double: Double, certificate: tuple[Path, Path]) -> None:
        self.double = double
        cert, self._key = certificate
        self._chain = "".join(cert.read_text().split("-----")[2].split())
        self._lock = threading.Lock()
        double.behaviours["/token"] = self._answer
        self.auth: dict[str, object] = {
            "token": {
                "realm": f"{double.url}/token",
                "service": SERVICE,
                "issuer": "tests",
                "rootcertbundle": str(cert),
            }
        }

    def _answer(self, handler: Handler) -> None:
        kind, name, actions = handler.asked.query["scope"].split(":")
        known = handler.asked.authorization == BASIC
        if not known and handler.asked.authorization:
            handler.reply(401, {"details": "incorrect username or password"})
            return
        granted = actions.split(",") if known or (name.startswith("public/") and actions == "pull") else []
        access = [{"type": kind, "name": name, "actions": granted}]
        handler.reply(200, {"token": self.sign(access), "expires_in": 300})

    def sign(self, access: Sequence[Mapping[str, object]]) -> str:
        """A JWT, RS256, with the certificate in its header."""
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", "x5c": [self._chain]}
        claims = {
            "iss": "tests",
            "sub": USER,
            "aud": SERVICE,
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now,
            "jti": "1",
            "access": access,
        }
        signed = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
        with self._lock:
            signature = subprocess.run(
                ["openssl", "dgst", "-sha256", "-sign", str(self._key)],
                input=signed.encode(),
                capture_output=True,
                check=True,
                timeout=20,
            ).stdout
        return f"{signed}.{_encode(signature)}"

    @property
    def host(self) -> str:
        return str(urlsplit(self.double.url).netloc)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
