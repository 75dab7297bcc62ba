# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where git reads a repository, what it sees there of the host, and what it is believed when it was overtaken."""

from __future__ import annotations

import io
import os
import re
import socket
import stat
import tarfile
import threading
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox, ssh_agent
from ansible_collections.slipway.flask.plugins.module_utils._python import build_sandbox, git_unit, repositories
from ansible_collections.slipway.flask.plugins.module_utils._python.uv import EnvironmentError_
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.repository import Git
from fake_tools import Tools

PLUGINS = Path(__file__).resolve().parents[5] / "plugins"
COMMIT = "a" * 40
MIRROR = Path("/var/cache/private/slipway/source-shop-0123abcd/repository.git")
UNIT = "slipway-source-shop-0123abcd"
KEY = "-----KEY-----\nline\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Tools) -> git_unit.Place:
    """The place of an app on a host with systemd, whose commands are imitations."""
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(build_sandbox, "SYSTEMD", tmp_path)
    monkeypatch.setattr(build_sandbox, "CACHES", tmp_path / "private/slipway")
    monkeypatch.setattr(git_unit, "RUN", tmp_path / "run")
    monkeypatch.setattr(git_unit, "KNOWN_HOSTS", tmp_path / "ssh_known_hosts")
    tool("systemctl", "exit 0")
    return git_unit.Place(tmp_path / "private/slipway/source-shop-0123abcd", UNIT)


def test_git_is_called_on_a_host_only_where_a_place_runs_it() -> None:
    callers = {
        path.name for path in (PLUGINS / "module_utils").rglob("*.py") if re.search(r"\[\s*\"git\"", path.read_text())
    }
    assert callers == set()


def test_git_runs_in_a_unit_that_sees_little_and_has_no_secret_where_others_look(
    place: git_unit.Place, tool: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = tool("systemd-run", f"cat >{tmp_path}/script; ls -ld {tmp_path}/run/* >{tmp_path}/ours; echo {COMMIT}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-who-deploys")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    (tmp_path / "ssh_known_hosts").write_text("git.example.com ssh-ed25519 AAAA\n")
    (tmp_path / "ssh_known_hosts").chmod(0o600)
    assert Git("git@git.example.com:a.git", MIRROR, KEY, place).commit("main") == COMMIT
    (call,) = called()
    script = (tmp_path / "script").read_text()
    expected = {
        f"--unit={UNIT}.service", "--property=DynamicUser=yes", "--property=User=slipway-0123abcd", "--property=UMask=0077",
        "--property=CacheDirectory=slipway/source-shop-0123abcd", "--property=CacheDirectoryMode=0700",
        "--property=ProtectHome=tmpfs", "--property=ProtectProc=invisible", "--property=ProtectSystem=strict",
        f"--property=BindReadOnlyPaths={tmp_path}/run/{UNIT}/passwd:/etc/passwd",
    }  # fmt: skip
    assert expected - set(call.split()) == set()
    assert {"/srv:ro", "/var:ro", "/run:ro"} <= {word.rpartition("=")[2] for word in call.split()}
    assert ("KEY" in call, "Environment" in call, "setenv" in call) == (False, False, False)
    assert "git.example.com ssh-ed25519 AAAA" in script, "a server whose key root knows is not met for the first time"
    assert ("-----KEY-----\nline" in script, "proxy:3128" in script, "s3cr3t" in script) == (True, True, False)
    assert (tmp_path / "ours").read_text().startswith("drwx------")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_token_is_told_over_the_pipe_alone(place: git_unit.Place, tool: Tools, tmp_path: Path) -> None:
    called = tool("systemd-run", f"cat >{tmp_path}/script; echo {COMMIT}")
    Git("https://ann:t0ken@example.com/a.git", MIRROR, "", place).commit("main")
    assert "t0ken" not in called()[0] and "YW5uOnQwa2Vu" not in called()[0]
    assert "Basic YW5uOnQwa2Vu" in (tmp_path / "script").read_text()


def test_a_unit_has_each_setting_of_a_services_sandbox(place: git_unit.Place) -> None:
    names = {name for name, _ in place.properties("https://example.com/a.git", "https://example.com/a.git", {})}
    assert {*sandbox.SERVICE} <= names


@pytest.mark.parametrize(
    ("url", "origin", "expected"),
    [
        ("https://example.com/a.git", "https://example.com/a.git", False),
        ("ssh://git@127.0.0.1/a.git", "ssh://git@127.0.0.1/a.git", True),
        ("git@127.0.0.1:a.git", "git@127.0.0.1:a.git", True),
        ("http://127.0.0.1:8099/lib.git", "https://example.com/a.git", False),
    ],
)
def test_this_host_itself_is_reached_only_where_the_description_names_it(
    place: git_unit.Place, url: str, origin: str, expected: bool
) -> None:
    """A submodule's address is the repository's choice."""
    settings = place.properties(url, origin, {})
    assert (
        "127.0.0.0/8" in dict(settings)["IPAddressDeny"],
        "127.0.0.1" in dict(settings)["IPAddressAllow"].split(),
    ) == (
        True,
        expected,
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/srv/git/shop.git", ["/srv/git/shop.git", "/srv/git/shop.git.git"]),
        ("file:///srv/code%20of%20ann/shop/", ["/srv/code of ann/shop", "/srv/code of ann/shop.git"]),
        ("/opt/shop.git", []),
        ("git@example.com:shop.git", []),
        ("https://example.com/shop.git", []),
        ("git://example.com/shop.git", []),
    ],
)
def test_a_repository_in_a_folder_of_the_host_is_shown(url: str, expected: list[str]) -> None:
    assert git_unit.local(url) == expected


def test_a_path_is_one_word_to_systemd() -> None:
    assert git_unit.escaped("/srv/code of ann/a:b") == r"/srv/code\ of\ ann/a\:b"


def test_root_reads_nothing_where_there_is_no_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(build_sandbox, "SYSTEMD", tmp_path / "none")
    place = git_unit.place_of(tmp_path / "shop")
    assert re.fullmatch(r"slipway-source-shop-[0-9a-f]{8}", place.unit)
    with pytest.raises(ReleaseError, match="a repository is read in a systemd unit"):
        Git("https://example.com/a.git", MIRROR, "", place).commit("main")
    with pytest.raises(EnvironmentError_, match="a repository is read in a systemd unit"):
        repositories.tip("git+https://example.com/a.git@main")


def test_the_branch_of_a_requirement_is_asked_for_in_a_unit_that_keeps_nothing(
    place: git_unit.Place, tool: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    called = tool("systemd-run", f"cat >{tmp_path}/script; echo {COMMIT}")
    assert repositories.tip("git+https://ann:t0ken@127.0.0.1/a.git@main") == f"{COMMIT}\n"
    (call,) = called()
    assert "--property=DynamicUser=yes" in call and "--property=RuntimeMaxSec=60" in call
    assert ("CacheDirectory=" in call, "t0ken" in call, "IPAddressAllow=127" in call) == (False, False, False)
    script = (tmp_path / "script").read_text()
    assert script.endswith("\ngit ls-remote -- https://127.0.0.1/a.git main\n")
    assert "StrictHostKeyChecking=yes" in script


def test_a_forwarded_agent_answers_whoever_reaches_the_folder(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as real:
        real.bind(str(tmp_path / "real"))
        real.listen()

        def answer() -> None:
            connection, _ = real.accept()
            with connection:
                connection.sendall(connection.recv(100).upper())

        thread = threading.Thread(target=answer)
        thread.start()
        with ssh_agent.relayed(str(tmp_path / "real"), tmp_path / "relayed"), socket.socket(socket.AF_UNIX) as client:
            assert stat.S_IMODE((tmp_path / "relayed").stat().st_mode) == 0o666
            client.connect(str(tmp_path / "relayed"))
            client.sendall(b"sign")
            assert client.recv(100) == b"SIGN"
        thread.join()


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        ("HEAD", 0o640, "/HEAD"), ("objects", 0o750, "/objects"), ("objects", 0o754, "/objects"), (".", 0o700, ""),
        ("HEAD", 0o644, None),
    ],
)  # fmt: skip
def test_what_is_closed_in_a_repository_of_the_host_is_named(
    place: git_unit.Place, tmp_path: Path, name: str, mode: int, expected: str | None
) -> None:
    folder = tmp_path / "shop.git"
    (folder / "objects").mkdir(parents=True)
    (folder / "HEAD").write_text("x")
    (folder / "alternate").symlink_to("/nonexistent")
    for path, usual in ((folder, 0o755), (folder / "objects", 0o755), (folder / "HEAD", 0o644)):
        path.chmod(usual)
    (folder / name).chmod(mode)
    said = git_unit.advice(place, str(folder))
    assert (f"who may not read {folder}{expected}:" in said) == (expected is not None)
    assert git_unit.advice(place, "https://example.com/shop.git") == ""


# ---- what an overtaken git says ----------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["", "../../etc/cron.d/x", "main", "b" * 39, f"{COMMIT}\n{COMMIT}"])
def test_a_commit_that_is_none_is_not_believed(place: git_unit.Place, tool: Tools, said: str) -> None:
    tool("systemd-run", f"cat >/dev/null; printf %s '{said}'")
    with pytest.raises(ReleaseError, match="gave no commit for 'main'"):
        Git("https://example.com/a.git", MIRROR, "", place).commit("main")


def test_another_commit_than_the_one_that_was_asked_for_is_not_believed(place: git_unit.Place, tool: Tools) -> None:
    tool("systemd-run", f"cat >/dev/null; echo {COMMIT}")
    with pytest.raises(ReleaseError, match="gave no commit for"):
        Git("https://example.com/a.git", MIRROR, "", place).commit("b" * 40)


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def device(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.devmajor, info.devminor = tarfile.BLKTYPE, 8, 0
    return info


def given(members: list[tarfile.TarInfo], links: str = "", modules: str = "") -> bytes:
    """Return what git_script.export prints, made up."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member in members:
            tar.addfile(member)
    tail = links.encode(), modules.encode()
    return buffer.getvalue() + b"".join(tail) + f"{len(tail[0]):020}{len(tail[1]):020}".encode()


def module(path: str) -> tuple[str, str]:
    """Return the row and the text of `.gitmodules` for a submodule at PATH."""
    text = f"submodule.x.path\n{path}\0submodule.x.url\nhttps://example.com/x.git\0"
    return f"160000 commit {COMMIT}\t{path}\0", text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is damaged"),
        (b"x" * 5000, "is damaged"),
        (b"9" * 40, "is damaged"),
        (given([], "rubbish\0"), "its list of submodules is damaged"),
        (given([tarfile.TarInfo("/etc/cron.d/x")]), "outside of the release"),
        (given([tarfile.TarInfo("../x")]), "outside of the release"),
        (given([device("sda")]), "neither a file nor a folder nor a link"),
        (given([link("a", "/etc"), tarfile.TarInfo("a/x")]), "below a link|twice"),
        (given([tarfile.TarInfo("a"), tarfile.TarInfo("a/x")]), "invalid file name, or one twice"),
        (given([], *module("/etc/cron.d")), "outside of the release"),
        (given([], *module("../x")), "outside of the release"),
        (given([link("vendor", "/etc")], *module("vendor")), "outside of the release"),
        (given([link("vendor/x", "/etc")], *module("vendor")), "where the repository has files"),
        (given([tarfile.TarInfo("vendor")], *module("vendor")), "where the repository has files"),
    ],
)
def test_files_that_would_land_elsewhere_are_refused(
    place: git_unit.Place, tool: Tools, tmp_path: Path, content: bytes, expected: str
) -> None:
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "release/src").mkdir(parents=True)
    tool("systemd-run", f"cat >/dev/null; cat {tmp_path}/content")
    mirror = Git("https://example.com/a.git", MIRROR, "", place)
    with pytest.raises(ReleaseError, match=expected):
        mirror.export(COMMIT, "", tmp_path / "release/src")
    assert os.listdir(tmp_path / "release") == ["src"]
