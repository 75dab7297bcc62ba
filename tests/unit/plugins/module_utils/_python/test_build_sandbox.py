# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where packages' code runs, what it sees of the host, and what becomes of what it leaves."""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import acl, sandbox, tree
from ansible_collections.slipway.flask.plugins.module_utils._python import build_project, build_sandbox, project
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from fake_tools import Tools

ROOT = Path(__file__).resolve().parents[5]
TRUSTED = {
    "_python/build_sandbox.py": "for whoever is not root",
    "_python/fetching.py": "`uv python`: no package, no settings of a project, archives of a known hash",
    "_database/squawk.py": "one wheel of a known hash",
    "_python/uv_install.py": "one wheel of a known hash",
}
"""Files that run uv or pip as root -> why no foreign code can run there."""


def test_uv_runs_as_root_only_where_no_packages_code_can_run() -> None:
    callers = {
        str(path.relative_to(ROOT / "plugins/module_utils"))
        for path in (ROOT / "plugins").rglob("*.py")
        if re.search(r"\b(tools|uv|python_uv)\.run\(", path.read_text())
    }
    assert callers == {*TRUSTED}


def made(folder: Path, **more: object) -> build_sandbox.Workshop:
    scratch, given = folder / "scratch", folder / "ours/given"
    for place in (scratch, given):
        place.mkdir(parents=True)
    return build_sandbox.Workshop(
        scratch, folder / "uv", given, "slipway-build-shop-0123abcd", **more  # type: ignore[arg-type]
    )  # fmt: skip


def test_tools_run_in_a_unit_that_sees_little_and_is_told_less(
    tool: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool("systemctl", "exit 0")
    systemd_run = tool("systemd-run", "echo done")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-who-deploys")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    workshop = made(tmp_path, seats=((tmp_path / "copy", Path("/srv/shop/app")),), shown=(Path("/srv/python"),))
    index = "https://ann:t0ken@index/simple"
    told = workshop.run(["uv", "sync"], "syncing", cwd=tmp_path, variables={"UV_DEFAULT_INDEX": index})
    assert told == "done\n"
    (call,) = systemd_run()
    assert "t0ken" not in call
    words = set(call.split())
    expected = {
        "--unit=slipway-build-shop-0123abcd.service", "--property=DynamicUser=yes", "--property=User=slipway-0123abcd",
        "--property=CacheDirectory=slipway/build-shop-0123abcd", "--property=ProtectHome=tmpfs",
        "--property=BindReadOnlyPaths=-/srv/python", f"--property=BindPaths={tmp_path}/copy:/srv/shop/app",
        "--property=CapabilityBoundingSet=", "--property=NoNewPrivileges=yes", "--property=PrivateDevices=yes",
        "--property=ProtectProc=invisible", "--property=UMask=0022",
    }  # fmt: skip
    assert expected - words == set()
    assert {"/srv:ro", "/var:ro", "/run:ro"} <= {word.rpartition("=")[2] for word in words}
    environment = tmp_path / "ours/environment"
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    text = environment.read_text()
    assert f'UV_DEFAULT_INDEX="{index}"' in text
    assert 'HTTPS_PROXY="http://proxy:3128"' in text
    assert f'HOME="{tmp_path}/scratch/home"' in text
    assert "s3cr3t-of-who-deploys" not in text
    assert "PYTHONPATH" not in text


def test_a_build_has_each_setting_of_a_services_sandbox(tmp_path: Path) -> None:
    names = {name for name, _ in made(tmp_path).properties(tmp_path, tmp_path / "environment", {})}
    assert {*sandbox.SERVICE} <= names


@pytest.mark.parametrize(
    ("root", "empty"), [("/opt/tiny/venvs", True), ("/usr/local/lib/venvs", True), ("/srv/shop/venvs", False)]
)
def test_what_tools_are_given_can_be_reached_wherever_the_environments_are(
    tmp_path: Path, root: str, empty: bool
) -> None:
    """Only root may enter the folder that holds it, so in the unit an empty one that all may enter stands there."""
    workshop = dataclasses.replace(made(tmp_path), given=Path(root, ".building-x/given"))
    settings = workshop.properties(tmp_path, tmp_path / "environment", {})
    emptied = [line for name, line in settings if name == "TemporaryFileSystem"]
    assert (f"{root}:ro" in " ".join(emptied).split()) is empty
    assert ("BindReadOnlyPaths", f"-{root}/.building-x/given") in settings


def test_what_a_tool_prints_when_it_fails_is_told(tool: Tools, tmp_path: Path) -> None:
    tool("systemctl", "exit 0")
    tool("systemd-run", "echo 'pg_config executable not found' >&2; exit 2")
    with pytest.raises(
        tools.EnvironmentError_, match=r"building failed: (?s:.*)libpq-dev(?s:.*)pg_config executable not found"
    ):
        made(tmp_path).run(["uv"], "building", cwd=tmp_path, variables={})


def test_root_builds_nothing_where_there_is_no_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_sandbox, "SYSTEMD", tmp_path / "none")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with (
        pytest.raises(tools.EnvironmentError_, match="systemd is not running here"),
        build_sandbox.workshop(tmp_path, tmp_path / "given", tmp_path / "cache", 0),
    ):
        pass


def test_a_build_that_a_killed_run_left_is_ended_before_the_next(
    tool: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tool("systemctl", "exit 0")
    monkeypatch.setattr(build_sandbox, "SYSTEMD", tmp_path)
    monkeypatch.setattr(build_sandbox, "CACHES", tmp_path / "private/slipway")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    name = build_sandbox.name_of(tmp_path / "shop/venvs")
    left = tmp_path / "private/slipway" / name.removeprefix("slipway-") / "work-old"
    left.mkdir(parents=True)
    left.with_name("work-link").symlink_to(tmp_path)  # a package may have left anything there
    left.with_name("work-file").write_text("x")
    (tmp_path / "ours").mkdir()
    with build_sandbox.workshop(tmp_path / "shop/venvs", tmp_path / "ours/given", tmp_path / "cache", 0) as workshop:
        assert systemctl() == [f"stop {name}.service"]
        assert [path.name for path in left.parent.glob("work-*")] == [workshop.scratch.name]
        assert workshop.cache.is_dir()
        assert workshop.scratch.is_dir()
    assert not workshop.scratch.exists()
    assert systemctl() == [f"stop {name}.service"] * 2


def test_what_systemd_shows_to_a_build_lies_where_no_build_can_put_a_link(tmp_path: Path) -> None:
    for name in ("app", "lib"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "setup.py").write_text("")
    source = project.Source("requirements", (tmp_path / "app/setup.py",), folders=(tmp_path / "lib",))
    workshop, _, _ = build_project.seated(tmp_path / "app", source, made(tmp_path), tmp_path / "venvs", ())
    assert len(workshop.seats) == 2
    for copy, _ in workshop.seats:
        assert (copy / "setup.py").is_file()
        assert not copy.is_relative_to(workshop.scratch)


def test_each_folder_of_environments_has_a_user_and_a_cache_of_its_own() -> None:
    names = [build_sandbox.name_of(Path(root)) for root in ("/srv/shop/venvs", "/srv/blog/venvs", "/opt/shop/venvs")]
    assert len({name[-8:] for name in names}) == 3
    assert names[0].startswith("slipway-build-shop-")


@pytest.mark.parametrize(
    ("values", "resolver", "expected"),
    [
        (["https://index.example/simple"], "nameserver 10.0.0.2\n", ""),
        (["https://index.example/simple"], "nameserver 127.0.0.53\n", "127.0.0.53"),
        ([], "nameserver 169.254.169.254\nnameserver fe80::1%eth0\n", "169.254.169.254 fe80::1"),
        (["http://ann:pw@localhost:3141/simple"], "", "127.0.0.1 ::1"),
        (["http://127.0.0.2:3128"], "", "127.0.0.2"),
        (["http://[::1]:3128"], "", "::1"),
        (["http://cache.internal/simple http://x"], "", "127.0.1.1"),
        (["localhost"], "", ""),
    ],
)
def test_of_this_host_a_build_reaches_what_it_is_told_to_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[str], resolver: str, expected: str
) -> None:
    monkeypatch.setattr(tools, "UV_SETTINGS", tmp_path / "none")
    (tmp_path / "hosts").write_text("# x\n127.0.0.1 localhost\n127.0.1.1 cache.internal box\n10.1.1.1 x\n")
    (tmp_path / "resolv.conf").write_text(resolver)
    assert build_sandbox.allowed(values, tmp_path / "hosts", tmp_path / "resolv.conf") == expected


# ---- what foreign code leaves ------------------------------------------------------------------------------------


@pytest.fixture
def left(tmp_path: Path) -> Path:
    folder = tmp_path / "left"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to("/usr/bin/python3.13")
    (folder / "bin/python3").symlink_to("python")
    (folder / "lib").mkdir(mode=0o777)
    (folder / "lib64").symlink_to("lib")
    (folder / "lib/a.py").write_text("a")
    os.utime(folder / "lib/a.py", ns=(1, 1_000_000_007))
    return folder


def test_what_was_built_is_copied_without_its_rights(left: Path, tmp_path: Path) -> None:
    for name, mode in {"private": 0o600, "open": 0o666, "special": 0o6777, "program": 0o700}.items():
        (left / "lib" / name).write_text(name)
        (left / "lib" / name).chmod(mode)
    os.link(left / "lib/a.py", tmp_path / "another name")
    tree.copy(left, tmp_path / "new", ("/usr/bin/python3.13",))
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in (tmp_path / "new/lib").iterdir()}
    assert modes == {"a.py": "0o644", "private": "0o644", "open": "0o644", "special": "0o755", "program": "0o755"}
    assert stat.S_IMODE((tmp_path / "new/lib").stat().st_mode) == 0o755
    assert (tmp_path / "new/lib/a.py").stat().st_nlink == 1
    assert (tmp_path / "new/lib/a.py").stat().st_mtime_ns == 1_000_000_007
    assert {name: os.readlink(tmp_path / "new" / name) for name in ("bin/python", "bin/python3", "lib64")} == {
        "bin/python": "/usr/bin/python3.13", "bin/python3": "python", "lib64": "lib",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda lib: (lib / "x").symlink_to("/etc/shadow"), "x is a link to /etc/shadow"),
        (lambda lib: (lib / "x").symlink_to("../../../other"), r"x is a link to \.\./\.\./\.\./other"),
        (lambda lib: (lib / "x").symlink_to("/etc"), "x is a link to /etc"),
        (lambda lib: os.mkfifo(lib / "x"), "x is neither a file nor a folder nor a link"),
    ],
    ids=["link to a file", "link upwards", "link to a folder", "pipe"],
)
def test_what_leads_elsewhere_is_refused(
    left: Path, tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(left / "lib")
    with pytest.raises(tree.TreeError, match=message):
        tree.copy(left, tmp_path / "new", ("/usr/bin/python3.13",))


def test_a_file_that_became_a_link_or_a_pipe_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    assert tree.read(tmp_path / "secret") == "secret"
    for name in ("link", "pipe"):
        with pytest.raises(OSError):  # noqa: PT011 - a link and a pipe fail in different ways
            tree.read(tmp_path / name)


def test_owning_a_folder_follows_no_link(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    (outside / "below").mkdir(parents=True)
    (folder / "sub").mkdir(parents=True)
    (outside / "file").write_text("x")
    for path in (outside / "file", outside / "below"):
        path.chmod(0o700)
    (folder / "sub/link").symlink_to(outside / "file")
    (folder / "to-folder").symlink_to(outside)
    (folder / "sub/kept").write_text("x")
    (folder / "sub/kept").chmod(0o400)
    tree.own(folder, os.getuid(), os.getgid(), lambda _: 0o755, {str(folder / "sub/kept")})
    found = [stat.S_IMODE(path.stat().st_mode) for path in (outside / "file", outside / "below", folder / "sub/kept")]
    assert found == [0o700, 0o700, 0o400]
    assert stat.S_IMODE((folder / "sub").stat().st_mode) == 0o755


def test_owning_a_folder_ends_the_access_lists_in_it(tmp_path: Path) -> None:
    """A command could let itself, or another app, in for later."""
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/file").write_text("x")
    for path in (folder, folder / "sub"):
        acl.grant(path, 4242, 7, default=True)
    for path in (folder / "sub", folder / "sub/file"):
        acl.grant(path, 4242, 7)
    tree.own(folder, os.getuid(), os.getgid(), lambda _: 0o750)
    for path in (folder, folder / "sub", folder / "sub/file"):
        assert (acl.read(path), acl.read(path, default=True)) == (None, None)
        assert stat.S_IMODE(path.stat().st_mode) == 0o750
