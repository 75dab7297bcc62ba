# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What goes to the network for a service that has none does so in a unit of its own, with few rights and no secret in sight."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    command,
    dumps,
    outside,
    reach,
    restic,
    watched,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.outside import Rights
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import PgBackRest
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings, Target
from fake_tools import Tools

SERVICE = "slipway-backup.service"
S3 = Target("s3", "shop", bucket="shop", endpoint="s3.example.net", key="AKIA", secret="s3cret")
SFTP = Target("sftp", "/b", host="b.example.net", user="u")
FOLDER = Target("path", "/mnt/backup")
RUN = """while [ "$1" != -- ]; do shift; done; shift
for word; do shift; set -- "$@" "$(printf %s "$word" | sed 's/[$][$]/$/g')"; done
exec "$@"
"""
"""systemd-run, without a unit: a word of the command has its variables put in, so that `$$` is `$`."""


@pytest.fixture
def runs(tool: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service without a network; return the file with the arguments of systemd-run."""
    monkeypatch.setenv(outside.SERVICE, SERVICE)
    for module in (outside, command, watched):
        monkeypatch.setattr(module, "PATH", os.environ["PATH"])
    tool("systemctl", "")
    tool("systemd-run", RUN)
    return tmp_path / "systemd-run.calls"


@pytest.mark.parametrize("run", ["command", "watched"])
def test_a_secret_reaches_the_program_and_is_in_no_argument(runs: Path, run: str) -> None:
    words = ["sh", "-c", 'printf "%s|%s" "$AWS_SECRET_ACCESS_KEY" "$1"', "sh", "a $b ${c} 'd'"]
    secret = {"AWS_SECRET_ACCESS_KEY": "s3 'c' $ret\\"}
    if run == "command":
        done = command.run(words, environment=secret, rights=Rights())
    else:
        done = watched.run(words, secret, rights=Rights())
    assert (done.returncode, done.stdout) == (0, "s3 'c' $ret\\|a $b ${c} 'd'")
    assert "s3 'c'" not in runs.read_text()
    assert f"BindsTo={SERVICE}" in runs.read_text()


def test_what_a_program_is_given_comes_after_its_environment(runs: Path) -> None:
    done = command.run(["sh", "-c", 'echo "$A"; cat'], environment={"A": "1"}, given="line\n\nline\n", rights=Rights())
    assert done.stdout == "1\nline\n\nline\n"


def test_a_program_that_ends_badly_does_so_outside_too(runs: Path) -> None:
    assert command.run(["sh", "-c", "exit 3"], rights=Rights()).returncode == 3
    with pytest.raises(BackupError, match="absent is not installed on this host: run site.yml"):
        command.run(["absent"], rights=Rights())


def test_by_hand_nothing_runs_outside(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(outside.SERVICE)
    assert command.run(["echo", "here"], rights=Rights()).stdout == "here\n"
    assert restic.Restic(Settings("web1", [S3], "x" * 20), S3)._rights() is None
    assert outside.call(reach.address, FOLDER) is None
    assert not runs.exists()


def test_a_function_is_called_outside_and_what_it_raises_comes_back(runs: Path) -> None:
    assert re.match("unable to connect to 127.0.0.1:1: ", outside.call(reach.connect, "127.0.0.1", 1))
    assert "DynamicUser=yes" in runs.read_text()
    with pytest.raises(BackupError, match="^the database is what, "):
        outside.call(dumps._check, "what://is/this", "")


def test_a_dump_is_passed_on_as_it_is_written_by_the_app_s_user(runs: Path, tmp_path: Path) -> None:
    got = bytearray()
    with pytest.raises(BackupError, match="pg_dump"):
        outside.stream(dumps._dump, "postgresql://shop:s3cret@127.0.0.1:1/shop", "", put=got.extend, user="shop")
    assert "User=shop" in runs.read_text()
    assert "s3cret" not in runs.read_text()


@pytest.mark.parametrize(
    ("target", "user"), [(FOLDER, ""), (S3, outside.USER), (SFTP, outside.USER)], ids=["folder", "s3", "sftp"]
)
def test_restic_goes_to_the_network_as_a_user_that_may_read_and_no_more(runs: Path, target: Target, user: str) -> None:
    rights = restic.Restic(Settings("web1", [target], "x" * 20), target)._rights()
    assert (rights.user if rights else "") == user
    if rights:
        assert [one for one in rights.properties() if "Capabilit" in one] == [
            "CapabilityBoundingSet=CAP_DAC_READ_SEARCH", "AmbientCapabilities=CAP_DAC_READ_SEARCH",
        ]  # fmt: skip
        assert not [one for one in rights.properties() if one.startswith("ReadWritePaths")]


def test_pgbackrest_is_the_server_s_user_with_no_other_right(runs: Path) -> None:
    assert PgBackRest(Settings("web1", [FOLDER], "x" * 20))._rights(None) is None
    rights = PgBackRest(Settings("web1", [FOLDER, S3], "x" * 20))._rights(Path("/scratch/1"))
    assert rights is not None
    assert (rights.user, rights.capability) == ("postgres", "")
    assert {"ReadWritePaths=-/mnt/backup", "ReadWritePaths=-/scratch/1"} <= set(rights.properties())
    # Its end would take the server's shared memory, which has the same owner.
    assert "RemoveIPC=yes" not in rights.properties()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize(
    "rights",
    [
        Rights(),
        Rights(outside.USER, outside.READS_ALL),
        Rights(outside.USER, outside.READS_ALL, ["/var/lib/slipway/scratch/1"], marks=True),
        Rights("postgres", writable=["/var/spool/pgbackrest"]),
    ],
    ids=["a call", "a backup", "a drill", "the server's"],
)
def test_none_of_them_is_more_exposed_than_a_service_may_be(rights: Rights, tmp_path: Path) -> None:
    unit = tmp_path / "one.service"
    unit.write_text("\n".join(["[Service]", "ExecStart=/bin/true", "PrivateMounts=yes", *rights.properties()]))
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True, text=True, check=False, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    found = re.search(r"level for \S+: ([0-9.]+)", said.stdout)
    assert found, said.stderr
    assert float(found[1]) <= 2.0, said.stdout
