# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a release asks of its host: units, commands, sockets, links, and output without secrets."""

from __future__ import annotations

import datetime
import http.client
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import gunicorn, systemd
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_tools import Tools

# ---- text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines", "kept"),
    [
        ("a\n\n  \nb  \nc\n", 2, "b\nc"),
        ("a", 5, "a"),
        ("", 5, ""),
        ("\n".join(map(str, range(100))), 3, "97\n98\n99"),
    ],
)
def test_the_tail_is_the_last_lines_that_say_something(text: str, lines: int, kept: str) -> None:
    assert systemd.tail(text, lines) == kept


SECRETS = {
    "plain": "s3cr3t-value",
    "with an equals sign": "abc=def=ghi=",
    "with quotes": 'it\'s a "secret" one',
    "with a dollar and a backslash": r"pa$$w0rd\n`x`",
    "that begins like a path": "/Xk29vQ+pLm8/7d0==",
    "of two lines": "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----",
    "with blanks around": "  blank-around  ",
}


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS)
def test_what_an_app_prints_is_shown_without_its_secrets(tmp_path: Path, value: str) -> None:
    file = tmp_path / "environment"
    file.write_text(gunicorn.environment_file({}, {"API_TOKEN": value, "OTHER": "x" * 9}))
    shown = systemd.masked(f"Error: bad token {value}, said {value!s}.", file)
    assert value not in shown
    assert shown == "Error: bad token ********, said ********."


def test_a_secret_that_holds_another_one_is_hidden_whole(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text('A="password"\nB="password-and-more"\n')
    assert systemd.masked("password-and-more password", file) == "******** ********"


def test_short_values_and_folders_stay_readable(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text(f'PORT="8000"\nDATA="{tmp_path}/new.db"\nHOME="{tmp_path}"\n')
    text = f"8000: unable to open {tmp_path}/new.db in {tmp_path}"
    assert systemd.masked(text, file) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://shop:hunter2@db/x", "postgresql://shop:********@db/x"),
        ("redis://:hunter2@cache:6379/0", "redis://:********@cache:6379/0"),
        ("two://a:b@c and two://d:e@f", "two://a:********@c and two://d:********@f"),
        ("http://example.com:8000/a", "http://example.com:8000/a"),
    ],
)
def test_passwords_in_urls_are_hidden_wherever_they_come_from(tmp_path: Path, text: str, shown: str) -> None:
    (tmp_path / "environment").write_text("")
    assert systemd.masked(text, tmp_path / "environment") == shown
    assert systemd.masked(text, tmp_path / "gone") == shown


# ---- links -------------------------------------------------------------------------------------------------------


def test_a_link_is_turned_without_ever_being_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "current"
    link.symlink_to("releases/1")
    (tmp_path / ".current.new").symlink_to("left by a run that was killed")
    seen = []
    rename = Path.replace

    def watch(path: Path, target: Path) -> Path:
        seen.append(os.readlink(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", watch)
    systemd.replace_link(link, "releases/2")
    assert seen == ["releases/1"]
    assert os.readlink(link) == "releases/2"
    assert [path.name for path in tmp_path.iterdir()] == ["current"]


def test_a_first_link_is_made(tmp_path: Path) -> None:
    systemd.replace_link(tmp_path / "current", "releases/1")
    assert os.readlink(tmp_path / "current") == "releases/1"


# ---- systemd -----------------------------------------------------------------------------------------------------


def test_instances_are_those_that_run_or_failed(tool: Tools) -> None:
    tool("systemctl", """cat <<'END'
shop@0001-aaaaaaa.service loaded active   running shop 0001
shop@0002-bbbbbbb.service loaded failed   failed  shop 0002
shop@0003-ccccccc.service loaded inactive dead    shop 0003
shop@0004-ddddddd.service loaded activating auto-restart shop 0004

END""")  # fmt: skip
    assert systemd.instances("shop") == ["0001-aaaaaaa", "0002-bbbbbbb", "0004-ddddddd"]


def test_no_instance_is_no_mistake(tool: Tools) -> None:
    tool("systemctl", "exit 0")
    assert systemd.instances("shop") == []


def test_a_unit_that_does_not_start_shows_its_newest_journal(tool: Tools) -> None:
    systemctl = tool("systemctl", '[ "$1" = show ] && echo 0badcafe; [ "$1" != start ]')
    journalctl = tool("journalctl", "echo 'ModuleNotFoundError: flask'")
    with pytest.raises(systemd.HostError, match=r"shop@1\.service did not start(?s:.*)ModuleNotFoundError: flask"):
        systemd.start("shop@1.service")
    assert systemctl()[:2] == ["reset-failed shop@1.service", "start shop@1.service"]
    assert "_SYSTEMD_INVOCATION_ID=0badcafe" in journalctl()[0]


def test_a_unit_that_starts_is_waited_for_and_no_more(tool: Tools) -> None:
    systemctl = tool("systemctl", "exit 0")
    systemd.start("shop@1.service")
    systemd.stop("shop@1.service")
    assert [call.split()[0] for call in systemctl()] == ["reset-failed", "start", "stop", "reset-failed"]


@pytest.mark.parametrize(("status", "active"), [("exit 0", True), ("exit 3", False)])
def test_systemd_is_asked_whether_a_unit_runs(tool: Tools, status: str, active: bool) -> None:
    tool("systemctl", status)
    assert systemd.is_active("shop@1.service") is active


def test_a_release_is_enabled_at_boot_and_disabled_again_and_both_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "WANTS", tmp_path / "wants")
    monkeypatch.setattr(systemd, "UNITS", tmp_path)
    link = tmp_path / "wants/shop@0001-a.service"
    for _ in range(2):
        systemd.set_enabled("shop", "0001-a", True)
        assert os.readlink(link) == str(tmp_path / "shop@.service")
    systemd.set_enabled("blog", "0007-b", True)
    assert systemd.enabled("shop") == ["0001-a"]
    for _ in range(2):
        systemd.set_enabled("shop", "0001-a", False)
        assert not link.is_symlink()
    assert systemd.enabled("shop") == []


# ---- sockets -----------------------------------------------------------------------------------------------------

SS = """\
u_str LISTEN 0      4096   /run/systemd/private 12345 * 0
u_str LISTEN 3      2048   /run/shop/0001-a/gunicorn.sock.old 23457 * 0
u_str LISTEN 17     2048   /run/shop/0001-a/gunicorn.sock 23456 * 0
u_dgr UNCONN 0
"""


@pytest.mark.parametrize(
    ("path", "waiting"),
    [("/run/shop/0001-a/gunicorn.sock", 17), ("/run/systemd/private", 0), ("/run/shop/0002-b/gunicorn.sock", 0)],
)
def test_the_backlog_is_what_waits_on_that_very_socket(tool: Tools, path: str, waiting: int) -> None:
    tool("ss", f"cat <<'END'\n{SS}END")
    assert systemd.backlog(Path(path)) == waiting


def test_connections_are_counted_whether_taken_in_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = Path(f"connected-{os.getpid()}")  # relative, for a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(name))
        listening.listen()
        assert systemd.connected(name) == 0
        with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
            first.connect(str(name))
            taken, _ = listening.accept()
            second.connect(str(name))
            with taken:
                assert systemd.connected(name) == 2
                assert systemd.connected(Path("another")) == 0


def test_the_backlog_of_a_real_socket_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        subprocess.run(["ss", "-V"], capture_output=True, check=True)
    except OSError:
        pytest.skip("ss is not installed here")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        server.listen(8)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client in clients:
            client.connect("s")
        assert systemd.backlog(Path("s")) == 3
        accepted = server.accept()[0]
        assert systemd.backlog(Path("s")) == 2
        for end in (accepted, *clients):
            end.close()


class Answer(BaseHTTPRequestHandler):
    """Tells what it was asked for."""

    def do_GET(self) -> None:
        body = f"{self.path} {self.headers['Host']} {self.headers['User-Agent']} é {'x' * 5000}".encode()
        self.send_response(418)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def served(listener: socket.socket, context: ssl.SSLContext | None = None) -> Iterator[None]:
    """Answer one connection to LISTENER in a thread."""

    def work() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) if context else connection as wrapped:
            Answer(wrapped, ("", 0), None)

    Answer.log_message = lambda *_: None
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(5)
    assert not thread.is_alive()


def test_a_release_is_asked_over_its_own_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        listener.listen(1)
        with served(listener):
            status, body = systemd.ask(systemd.SocketConnection("s", 5), "/healthz?a=1", {"Host": "shop.example.com"})
    assert status == 418
    assert body.startswith("/healthz?a=1 shop.example.com slipway é ")
    assert len(body) < 2001, "the start will do"


def test_a_socket_that_nobody_listens_on_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        systemd.ask(systemd.SocketConnection(str(tmp_path / "none"), 1), "/", {})


def test_a_server_that_hangs_up_is_an_error_that_the_gate_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        listener.listen(1)
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        with pytest.raises((OSError, http.client.HTTPException)):
            systemd.ask(systemd.SocketConnection("s", 5), "/", {})
        thread.join(5)


def test_the_site_is_asked_by_its_name_whoever_signed_its_certificate(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another.example.org")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=2)).not_valid_after(now - datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, private, serialization.NoEncryption())
    (tmp_path / "both.pem").write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    asked_for: list[str | None] = []
    context.sni_callback = lambda _, server_name, __: asked_for.append(server_name)
    with socket.create_server(("127.0.0.1", 0)) as listener, served(listener, context):
        connection = systemd.LocalTLSConnection("shop.example.com", "127.0.0.1", listener.getsockname()[1], 5)
        status, body = systemd.ask(connection, "/", {"Host": "shop.example.com"})
    assert (status, body[:19]) == (418, "/ shop.example.com ")
    assert asked_for == ["shop.example.com"]
