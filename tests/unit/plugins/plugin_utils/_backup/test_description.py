# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with slipway_backups is told in a sentence, without a secret in it, before anything changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup.configuration import secrets, text
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.plugin_utils._backup import description, setup
from ansible_collections.slipway.flask.plugins.plugin_utils._library import library
from host_library import help_of

SECRET = "a-secret-that-nobody-may-see"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + SECRET
S3 = {"bucket": "shop-backup", "endpoint": "s3.example.net", "key": "AKIA", "secret": SECRET}
SFTP = {"host": "b.example.net", "user": "u1", "path": "/home/backup", "key": KEY,
        "host_key": "# b\nb.example.net ssh-ed25519 AAAAC3\n[b.example.net]:22 ecdsa-sha2-nistp256 AAAAE2=\n"}  # fmt: skip
GOOD: dict[str, Any] = {"to": [{"s3": S3}, {"sftp": SFTP}, {"path": "/mnt/backup"}], "passphrase": SECRET}
APPS = [{"name": "shop", "user": "shop", "database": "shop", "folders": ["/srv/shop/shared"]}]


def test_a_good_description_has_nothing_wrong_with_it() -> None:
    assert description.problems(GOOD) == []
    assert (
        description.problems({**GOOD, "keep": {"days": 30}, "every": "15min", "drill": "", "notifications": []}) == []
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"to": []}, "slipway_backups: 'to' has 0 targets; give 1 to 4"),
        ({"to": [{"path": f"/mnt/{n}"} for n in range(5)]}, "'to' has 5 targets"),
        ({"to": [{"path": "/mnt/a"}, {"path": "/mnt/a"}]}, "'to' has the same target twice"),
        ({"to": [{"path": "/mnt/a", "s3": S3}]}, "entry 1 of 'to' must have one of s3, sftp, path only"),
        ({"to": [{}]}, "entry 1 of 'to' must have one of s3, sftp, path"),
        ({"to": ["/mnt/a"]}, "entry 1 of 'to' must be a mapping, not text"),
        ({"to": [{"ftp": {}}]}, "unknown key 'ftp' (did you mean 'sftp'?)"),
        ({"to": [{"path": "backup"}]}, "'path' is 'backup'; it must be absolute"),
        ({"to": [{"path": "/mnt/../etc"}]}, "must be absolute, with letters"),
        ({"to": [{"path": "/var/lib/postgresql/b"}]}, "which belongs to the system"),
        ({"to": [{"s3": {**S3, "endpoint": "https://s3.example.net"}}]}, "without https://"),
        ({"to": [{"s3": {**S3, "bucket": "Shop"}}]}, "'bucket' is 'Shop'; it must be 3 to 63 lower-case letters"),
        ({"to": [{"s3": {**S3, "adressing": "path"}}]}, "unknown key 'adressing' (did you mean 'addressing'?)"),
        ({"to": [{"s3": {**S3, "ca": "ca.pem"}}]}, "'ca' is not a PEM certificate"),
        ({"to": [{"s3": {"bucket": "shop"}}]}, "entry 1 of 'to', 's3': 'endpoint' is missing"),
        ({"to": [{"sftp": {**SFTP, "key": SECRET}}]}, "'key' is not a private SSH key"),
        ({"to": [{"sftp": {**SFTP, "host_key": "b.example.net"}}]}, "must be what `ssh-keyscan b.example.net` prints"),
        ({"to": [{"sftp": {**SFTP, "port": 0}}]}, "'port' is 0; it must be from 1 to 65535"),
        ({"passphrase": SECRET[:19]}, "'passphrase' has fewer than 20 characters"),
        ({"passphrase": SECRET + "\n"}, "'passphrase' must be one line"),
        ({"passphrase": 12345678901234567890}, "'passphrase' must be text, not a whole number"),
        ({"keep": {"days": 0}}, "'keep': 'days' is 0; it must be from 1 to 366"),
        ({"every": "1min"}, "'every' is '1min'; it must be a time from 5min to 1d"),
        ({"every": "2d"}, "'every' is '2d'"),
        ({"drill": "Someday"}, "'drill' has 'Someday'"),
        ({"notifications": [{"url": "nowhere"}]}, "entry 1 of 'notifications' has no 'url'"),
        ({"retention": 7}, "slipway_backups: unknown key 'retention'"),
    ],
)
def test_a_mistake_is_named_and_no_secret_is_shown(changes: dict[str, Any], said: str) -> None:
    found = description.problems({**GOOD, **changes})
    assert any(said in text for text in found), found
    assert SECRET[:19] not in json.dumps(found)


def test_what_is_no_mapping_is_said_to_be_none() -> None:
    assert description.problems("yes") == ["slipway_backups must be a mapping with 'to' and 'passphrase', not text"]


@pytest.mark.parametrize(
    ("system", "apps", "count"),
    [
        (("Debian", "12"), APPS, 1),
        (("Debian", "13"), APPS, 0),
        (("Ubuntu", "22.04"), APPS, 1),
        (("Debian", "12"), [], 0),
    ],
)
def test_sftp_is_refused_where_pgbackrest_is_too_old_for_it(
    system: tuple[str, str], apps: list[dict[str, Any]], count: int
) -> None:
    found = description.refusals(GOOD, apps, system)
    assert len(found) == count
    assert all("entry 2 of 'to'" in text and "shop has its database on the host" in text for text in found)


def test_each_host_has_a_folder_of_its_own_at_every_target_and_reads_what_it_was_told() -> None:
    told = description.settings(GOOD, APPS, "web1")
    assert [target.name for target in told.targets] == [
        "s3:s3.example.net/shop-backup/web1", "sftp:u1@b.example.net:/home/backup/web1", "/mnt/backup/web1",
    ]  # fmt: skip
    assert Settings.of(json.loads(told.as_text())) == told
    assert SECRET not in repr(told)


def test_the_configuration_of_pgbackrest_has_only_what_its_version_knows() -> None:
    told = description.settings(GOOD, APPS, "web1")
    old, new = (text(told, version, 5432, setup.places.STATE, 4) for version in ((2, 45), (2, 55)))
    assert ("repo1-block=y" in old, "repo1-block=y" in new) == (False, True)
    for line in ("repo1-path=/web1/pgbackrest", "repo2-sftp-host-user=u1", "repo3-path=/mnt/backup/web1/pgbackrest",
                 "archive-push-queue-max=4GiB", f"repo2-cipher-pass={SECRET}", "repo1-s3-region=us-east-1"):  # fmt: skip
        assert line in new.splitlines()
    assert secrets(told)["sftp-b.example.net.known_hosts"].splitlines() == [
        "b.example.net ssh-ed25519 AAAAC3", "b.example.net ecdsa-sha2-nistp256 AAAAE2=",
    ]  # fmt: skip


def test_without_settings_everything_goes_and_no_package_is_installed() -> None:
    assert setup.packages(APPS, False) == []
    assert setup.packages(APPS, True) == ["restic", "openssh-client", "pgbackrest"]
    gone = setup.plan({}, APPS, "web1")["files"]
    assert {entry["state"] for entry in gone} == {"absent"}
    made = [entry["dest"] for entry in setup.plan(GOOD, APPS, "web1")["files"] if entry.get("state") != "directory"]
    # What tells of the backups reads their settings with the same modules, and stays.
    others = {str(path) for other in setup.OTHERS for path in library.paths(library.sources(other))}
    kept = {path for path in made if "/_backup/" in path or "slipway-backup" in path}
    assert kept - others <= {entry["dest"] for entry in gone}


def test_what_is_written_runs_without_ansible(tmp_path: Path) -> None:
    """All modules that the program imports are among the files, and each folder stands before what is in it."""
    assert "slipway-backup" in help_of("_backup.program", library.files(setup.LIBRARY), tmp_path)


@pytest.mark.parametrize(
    ("given", "folders"),
    [
        ({"to": [{"path": "/mnt/one"}, {"s3": {}}, {"path": "/srv/two"}]}, ["/mnt/one", "/srv/two"]),
        ({"to": [{"path": 7}, "s3", {"path": "/mnt/$(reboot)"}]}, []),
        ({"to": "/mnt/one"}, []),
        ("s3", []),
        ({}, []),
    ],
)
def test_targets_that_are_folders_are_known_whatever_else_is_wrong(given: Any, folders: list[str]) -> None:
    assert description.folders(given) == folders
