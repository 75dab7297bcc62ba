# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's undo program: what was saved comes back, whoever is in the way, and a confirmation comes in time or not at all."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import guard, guard_program, guard_unit

TOKEN = "0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guard's folder, on a host without systemd."""
    monkeypatch.setattr(guard, "_start_timer", lambda plan: None)
    monkeypatch.setattr(guard_program, "stop_timer", lambda token: None)
    guard.make_folder(path := tmp_path / "slipway/guard")
    return path


@pytest.fixture
def arm(folder: Path) -> Callable[..., None]:
    def armed(*paths: Path, **more: Any) -> None:
        guard.arm(guard.Plan(TOKEN, 60, [str(path) for path in paths], **more), folder)

    return armed


def call(folder: Path, *arguments: str) -> int:
    return guard_program.main(arguments, folder)


def test_what_was_changed_made_and_removed_is_as_before(tmp_path: Path, folder: Path, arm: Callable[..., None]) -> None:
    changed, made, removed, link = (tmp_path / name for name in ("changed", "made", "removed", "link"))
    changed.write_text("before")
    changed.chmod(0o640)
    removed.write_text("kept")
    link.symlink_to("somewhere")
    arm(changed, made, removed, link)
    changed.write_text("after, and longer")
    changed.chmod(0o600)
    made.write_text("new")
    removed.unlink()
    link.unlink()
    link.write_text("a file now")
    assert call(folder, "undo", TOKEN, "--why", "nobody came") == 0
    assert (changed.read_text(), changed.stat().st_mode & 0o777) == ("before", 0o640)
    assert not made.exists()
    assert removed.read_text() == "kept"
    assert link.readlink() == Path("somewhere")
    last = json.loads((folder / "last.json").read_text())
    assert (last["token"], last["outcome"], last["why"], last["failures"]) == (TOKEN, "undone", "nobody came", [])
    assert guard_program.armed(folder) == []


def test_commands_run_after_the_files_are_back_and_each_whatever_the_others_do(
    tmp_path: Path, folder: Path, arm: Callable[..., None]
) -> None:
    file, seen = tmp_path / "file", tmp_path / "seen"
    file.write_text("before")
    arm(
        file,
        kept={"rules": "kept rules"},
        undo=[["false"], ["cp", str(file), str(seen)], ["cp", "{kept}/rules", f"{seen}2"]],
    )
    file.write_text("after")
    assert call(folder, "undo", TOKEN) == 0
    assert seen.read_text() == "before"
    assert Path(f"{seen}2").read_text() == "kept rules"
    assert json.loads((folder / "last.json").read_text())["failures"] == ["false: exit status 1"]


def test_at_boot_only_what_can_run_there_is_run(
    tmp_path: Path, folder: Path, arm: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(guard_program, "run", lambda argv: ran.append(list(argv)) or "")
    arm(tmp_path / "file", undo=[["systemctl", "restart", "ssh.service"]], boot=[["usermod", "ann"]])
    assert call(folder, "undo", "--boot") == 0
    assert ran == [["systemctl", "daemon-reload"], ["usermod", "ann"]]


@pytest.mark.parametrize("armed_by", ["this version", "an earlier version"])
@pytest.mark.parametrize("refused", ["restore", "locked"])
def test_what_a_read_only_disk_keeps_from_being_undone_at_boot_is_tried_again_by_a_timer(
    refused: str, armed_by: str, tmp_path: Path, folder: Path, arm: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def read_only(*_: Any) -> Any:
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path))

    (file := tmp_path / "file").write_text("before")
    arm(file)
    plan = folder / TOKEN / "plan.json"
    if armed_by == "an earlier version":
        plan.write_text(
            json.dumps({key: value for key, value in json.loads(plan.read_text()).items() if key != "again"})
        )
    file.write_text("after")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(guard_program, "run", lambda argv: ran.append(list(argv)) or "")
        meanwhile.setattr(guard_program, refused, read_only)
        assert call(folder, "undo", "--boot", "--why", "restarted") != 0
    (timer,) = [argv for argv in ran if argv[0] == "systemd-run"]
    assert f"--unit=slipway-guard-{TOKEN}" in timer
    assert "--property=Restart=on-failure" in timer
    assert timer[-5:] == [str(guard_unit.PROGRAM), "undo", TOKEN, "--why", guard_unit.RESTARTED]
    assert [path.name for path in guard_program.armed(folder)] == [TOKEN]
    assert call(folder, *timer[-4:]) == 0
    assert file.read_text() == "before"


def test_an_undo_may_write_to_the_places_of_the_change_and_no_others() -> None:
    usual = ["/etc/ssh/sshd_config.d/10-slipway.conf", "/home/ann/.ssh/authorized_keys"]
    assert guard_unit.unit_text(usual) == guard_unit.unit_text()
    elsewhere = [*usual, "/srv/people/bob/.ssh/authorized_keys"]
    assert guard_unit.unit_text(elsewhere).endswith(
        f"ReadWritePaths={guard_unit.writable([])} -/srv/people/bob\n\n[Install]\nWantedBy=sysinit.target\n"
    )
    timer = guard_unit.timer_command(TOKEN, 60, "nobody came", elsewhere)
    assert f"--property=ReadWritePaths={guard_unit.writable([])} -/srv/people/bob" in timer
    assert {"--property=ProtectSystem=strict", "--property=NoNewPrivileges=yes"} <= set(timer)


def test_a_confirmation_keeps_the_change_and_does_what_can_not_be_undone(
    tmp_path: Path, folder: Path, arm: Callable[..., None]
) -> None:
    file = tmp_path / "file"
    arm(file, confirmed=[["touch", str(tmp_path / "ended")]])
    file.write_text("after")
    assert call(folder, "confirm", TOKEN) == 0
    assert (tmp_path / "ended").exists()
    assert call(folder, "undo", TOKEN) == guard_program.UNKNOWN
    assert file.read_text() == "after"
    assert call(folder, "confirm", TOKEN) == 0, "a confirmation whose answer was lost is made again"
    assert sorted(path.name for path in folder.iterdir()) == ["last.json", "lock"]


def test_a_confirmation_after_the_undo_is_too_late(
    folder: Path, arm: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    arm()
    assert call(folder, "undo", TOKEN, "--why", "the time was over") == 0
    assert call(folder, "confirm", TOKEN) == guard_program.TOO_LATE
    assert "too late, the change was undone: the time was over" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["", "fedcba"])
def test_nothing_is_confirmed_that_was_never_armed(folder: Path, token: str) -> None:
    assert call(folder, "confirm", token) == guard_program.UNKNOWN


@pytest.mark.parametrize("token", ["../../etc", ".half", "a/b"])
def test_a_token_is_no_path(folder: Path, token: str) -> None:
    with pytest.raises(SystemExit):
        call(folder, "undo", token)


def test_an_undo_that_was_interrupted_is_done_again(tmp_path: Path, folder: Path, arm: Callable[..., None]) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    arm(file)
    file.write_text("after")
    change = folder / TOKEN
    guard_program.restore(change, guard_program.plan_of(change)["files"][0])  # and then the power is cut
    assert call(folder, "undo") == 0
    assert file.read_text() == "before"


def test_a_disk_without_room_for_another_file_is_written_over(
    tmp_path: Path, folder: Path, arm: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, opened = tmp_path / "file", os.open
    file.write_text("before")
    arm(file)
    file.write_text("after, and longer")

    def full(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_EXCL:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", full)
    assert call(folder, "undo", TOKEN) == 0
    assert file.read_text() == "before"


def test_files_that_can_not_be_put_back_keep_the_change_armed_for_another_try(
    tmp_path: Path, folder: Path, arm: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    arm(file)
    file.write_text("after")

    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(guard_program, "foreign", lambda path: False)
    with monkeypatch.context() as patch:
        patch.setattr(guard_program, "restore", broken)
        assert call(folder, "undo", TOKEN) == guard_program.INCOMPLETE
    assert call(folder, "undo", TOKEN) == 0
    assert file.read_text() == "before"


def test_a_person_who_spoils_their_own_folder_keeps_nothing_else_from_coming_back(
    tmp_path: Path, folder: Path, arm: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, ours = tmp_path / "home", tmp_path / "ours"
    home.mkdir()
    (home / "keys").write_text("old key")
    ours.write_text("before")
    arm(ours, home / "keys")
    ours.write_text("after")
    (home / "keys").unlink()
    home.rmdir()
    home.symlink_to("/root")
    monkeypatch.setattr(guard_program, "foreign", lambda path: path.startswith(str(home)))
    assert call(folder, "undo", TOKEN) == 0
    assert ours.read_text() == "before"
    assert "home" in json.loads((folder / "last.json").read_text())["failures"][0]


def test_no_link_in_a_path_is_followed(tmp_path: Path) -> None:
    secret = tmp_path / "root"
    secret.mkdir()
    (tmp_path / "ssh").symlink_to(secret)
    for act in (
        lambda: guard_program.write(
            f"{tmp_path}/ssh/authorized_keys", b"key", 0o600, os.getuid(), os.getgid(), make=True
        ),
        lambda: guard_program.read(f"{tmp_path}/ssh/authorized_keys"),
        lambda: guard_program.remove(f"{tmp_path}/ssh/authorized_keys"),
    ):
        with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
            act()
    assert list(secret.iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("root's")
    (tmp_path / "file").symlink_to("target")
    guard_program.write(f"{tmp_path}/file", b"ours", 0o600, os.getuid(), os.getgid())
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "target").read_text() == "root's"


def test_nothing_but_a_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is not a regular file"):
        guard_program.read(f"{tmp_path}/pipe")


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "keys").open("w") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="is longer than"):
        guard_program.read(str(tmp_path / "keys"))


def test_the_folder_is_refused_where_others_can_write(tmp_path: Path) -> None:
    (tmp_path / "slipway").mkdir()
    (tmp_path / "slipway").chmod(0o777)
    with pytest.raises(guard.GuardError, match="that only root can write to"):
        guard.make_folder(tmp_path / "slipway/guard")


def test_what_can_not_be_saved_arms_nothing(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(guard.GuardError, match="so nothing was changed"):
        guard.arm(guard.Plan(TOKEN, 60, [str(tmp_path / "pipe")]), folder)
    assert list(folder.iterdir()) == []


def test_a_timer_that_does_not_start_arms_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(plan: guard.Plan) -> None:
        raise guard.GuardError("`systemd-run`: Failed to connect to bus")

    monkeypatch.setattr(guard, "_start_timer", refused)
    with pytest.raises(guard.GuardError, match="Failed to connect to bus"):
        guard.arm(guard.Plan(TOKEN, 60, [str(tmp_path / "file")]), folder)
    assert guard_program.armed(folder) == []


def test_it_runs_alone_on_a_bare_python(tmp_path: Path) -> None:
    program = tmp_path / "slipway-guard"
    program.write_bytes(Path(guard_program.__file__).read_bytes())
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program), "status"], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_with_an_odd_name_hides_none(tmp_path: Path) -> None:
    for number, name in ((7, b"\xff\xfe"), (8, b"sleep")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / f"{number}/status").write_bytes(
            b"Name:\t" + name + b"\nState:\tS (sleeping)\nUid:\t1001\t1001\t1001\t1001\n"
        )
    assert sorted(guard_program.processes(1001, tmp_path)) == [7, 8]


def test_no_process_of_the_system_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert guard_program.end("daemon") == 1
    assert "is a user of the system" in capsys.readouterr().err
    assert guard_program.end("nobody-of-that-name") == guard_program.UNKNOWN


def test_a_home_that_its_owner_has_spoilt_keeps_nothing_from_being_saved(
    tmp_path: Path, folder: Path, arm: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, ours = tmp_path / "home", tmp_path / "ours"
    home.mkdir()
    (home / "ssh").symlink_to("/root")
    ours.write_text("before")
    monkeypatch.setattr(guard_program, "foreign", lambda path: path.startswith(str(home)))
    arm(home / "ssh", home / "ssh/keys", ours)
    ours.write_text("after")
    (home / "ssh").unlink()
    (home / "ssh").mkdir()
    (home / "ssh/keys").write_text("key")
    assert call(folder, "undo", TOKEN) == 0
    assert ours.read_text() == "before"
    assert (home / "ssh").readlink() == Path("/root"), "also a person's own link is as before"
