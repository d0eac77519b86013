"""Repositories over HTTPS: what the host answers, and that nobody is asked for a password."""

from __future__ import annotations

import datetime as dt
import ssl
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from batchgen.errors import SourceNotFound, Unavailable
from batchgen.sources import open_source


class GitHost(SimpleHTTPRequestHandler):
    """Serves a folder, as git's plain HTTP transport reads it; `/503/…` is answered with that status."""

    def do_GET(self) -> None:
        status = self.path.split("/")[1]
        if not status.isdigit():
            super().do_GET()
            return
        self.send_response(int(status))
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it has above
        """Say nothing."""


def write_certificate(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(pem, *plain) + certificate.public_bytes(pem))
    return path


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A host with the repository `shop.git`; the address begins with git+https://."""
    (tmp_path / ".gitconfig").write_text("[http]\nsslVerify = false\n[user]\nname = a\nemail = a@example.org\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    work, served = tmp_path / "shop", tmp_path / "served"
    work.mkdir()
    (work / "cart.py").write_text("def total(prices):\n    return sum(prices)\n")
    for arguments in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("commit", "-q", "-m", "cart"),
        ("clone", "-q", "--bare", ".", str(served / "shop.git")),
        ("--git-dir", str(served / "shop.git"), "update-server-info"),
    ):
        subprocess.run(["git", *arguments], cwd=work, check=True, capture_output=True)  # noqa: S607 - whichever is there
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write_certificate(tmp_path / "host.pem"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(GitHost, directory=str(served)))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"git+https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_repository_is_fetched(host: str, tmp_path: Path) -> None:
    with open_source(f"{host}/shop.git@main", work_dir=tmp_path / "work", s3=None) as source:
        assert (source.path / "cart.py").is_file()
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_is_away_or_busy_is_waited_for(host: str, tmp_path: Path, status: int) -> None:
    with (
        pytest.raises(Unavailable, match=f"error: {status}"),
        open_source(f"{host}/{status}/shop.git", work_dir=tmp_path, s3=None),
    ):
        pass


def test_no_host_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with (
        pytest.raises(Unavailable, match="Failed to connect"),
        open_source("git+https://127.0.0.1:1/shop.git", work_dir=tmp_path, s3=None),
    ):
        pass


@pytest.mark.parametrize(("status", "told"), [(404, "not found"), (401, "could not read Username"), (403, "403")])
def test_what_is_not_there_or_denied_is_told_and_nobody_is_asked(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, told: str
) -> None:
    asking = tmp_path / "ask"
    asking.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\necho me\n")
    asking.chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(asking))
    with (
        pytest.raises(SourceNotFound, match=told),
        open_source(f"{host}/{status}/shop.git", work_dir=tmp_path, s3=None),
    ):
        pass
    assert not (tmp_path / "asked").exists()
