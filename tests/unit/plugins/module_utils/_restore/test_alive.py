# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The old host is found by its certificate at its address; what else answers there is somebody else's."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import machine
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._restore import alive


def certificate(folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=x",
    ]
    command += ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(folder / "key.pem")]
    subprocess.run([*command, "-out", str(folder / "certificate.pem")], check=True, capture_output=True)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The old host on 127.0.0.1: it serves shop.example alone, and refuses every other name as nginx does."""
    certificate(tmp_path / "old/shop", "shop.example")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "old/shop/certificate.pem", tmp_path / "old/shop/key.pem")
    tls.sni_callback = lambda _, name, __: None if name == "shop.example" else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = server.accept()
                with suppress(OSError), plain:
                    tls.wrap_socket(plain, server_side=True).close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield int(server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_a_host_that_answers_with_the_certificate_is_alive(tmp_path: Path, port: int) -> None:
    certificate(tmp_path / "old/blog", "*.blog.example")  # served no more: another name comes first, and is refused
    assert alive.where(["127.0.0.2", "127.0.0.1"], tmp_path / "old", port) == "127.0.0.1"


def test_another_certificate_or_nobody_is_not_the_old_host(tmp_path: Path, port: int) -> None:
    certificate(tmp_path / "new/shop", "shop.example")
    (tmp_path / "new/broken").mkdir()
    (tmp_path / "new/broken/certificate.pem").write_text("none")
    assert alive.where(["127.0.0.1"], tmp_path / "new", port) == ""
    assert alive.where(["127.0.0.2"], tmp_path / "old", port) == "", "nobody is there"
    assert alive.where([], tmp_path / "old", port) == alive.where(["127.0.0.1"], tmp_path / "none", port) == ""


def test_a_restore_is_refused_for_an_address_that_is_not_this_hosts_own(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = alive.where
    monkeypatch.setattr(alive, "where", lambda addresses: where(addresses, tmp_path / "old", port))
    monkeypatch.setattr(machine, "addresses", lambda: ["198.51.100.7"])
    with pytest.raises(BackupError, match="is still up: 127.0.0.1 answers with its certificate. Shut it down first"):
        alive.refuse(["127.0.0.1"])
    monkeypatch.setattr(machine, "addresses", lambda: ["127.0.0.1"])
    alive.refuse(["127.0.0.1"])
