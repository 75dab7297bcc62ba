# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What errors of pgBackRest and restic mean; the errors are those that a host has shown."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import meaning
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings, Target

AT = "/mnt/backup/vps1"
INFO = f"{AT}/pgbackrest/backup/slipway/backup.info"


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (f"[FormatError] unable to load info file '{INFO}' or '{INFO}.copy'", "passphrase", "slipway_backups.passphrase"),
        (f"[CryptoError] unable to load info file '{INFO}' or '{INFO}.copy'", "passphrase", "slipway_backups.passphrase"),
        (f"restic could not list what is in {AT}: the passphrase is not the one that the repository was created with",
         "passphrase", "slipway_backups.passphrase"),
        (f"harbour: restic could not save to {AT}: unable to create lock in backend: write {AT}/restic/locks/80: no space "
         "left on device", "full", "harbour: it is full; free some space there"),
        ("unable to find a valid repository: repo1: [FileWriteError] unable to write '/mnt/x': [28] No space left on device",
         "full", "it is full"),
        ("backup 2026F: pgBackRest could not restore the cluster: raised from local-1 protocol: error restoring "
         "'/var/lib/slipway/scratch/1/data/base/16400/1255': actual checksum '2a' does not match expected checksum '1e'",
         "damaged", "backup 2026F: a backup is damaged: its file base/16400/1255 has changed since it was written"),
        (f"pgBackRest could not restore the cluster: unable to open missing file '{AT}/pg/1255.zst' for read", "damaged",
         "1255.zst is gone; make a new one (`ansible-playbook playbooks/backup.yml -e full=true`)"),
        ("backup 2026F: pgBackRest could not restore the cluster: zst error: [-20] Data corruption detected [FormatError] on 2 "
         "retries", "damaged", "backup 2026F: a backup is damaged: a checksum is wrong"),
        (f"harbour: restic could not restore from {AT}: There were 2 errors", "damaged",
         "harbour: a backup is damaged: restoring files from it ended with 2 errors"),
        (f"restic could not verify {AT}: repository contains errors", "damaged", "a backup is damaged"),
        (f"restic could not list what is in {AT}: repository does not exist: unable to open config file", "away",
         "it can't be reached; check that it is up, or mounted (restic could not list what is in it: repository"),
        ("[HostConnectError] unable to connect to 's3.example.com:443': [111] Connection refused", "away", "can't be reached"),
        ("restic took longer than 120 s and was stopped", "away", "can't be reached"),
        ("HTTP request failed with 403 (Forbidden): SignatureDoesNotMatch", "refused", "check its key"),
        ("something else", "other", "something else"),
    ],
)  # fmt: skip
def test_an_error_says_what_to_do_about_it(said: str, kind: str, told: str) -> None:
    assert meaning.kind(said) == kind
    sentence = meaning.sentence(AT, said)
    assert sentence.startswith(f"{AT}: ")
    assert told in sentence
    assert meaning.sentence(AT, f"{AT}: {said}") == sentence


def test_octets_that_a_wrong_passphrase_made_are_not_printed() -> None:
    assert meaning.short("a\x00\x1b[31mb\ufffd\n c") == "a [31mb\ufffd c"
    assert len(meaning.short("x" * 1000)) == 500


def test_what_leaves_the_host_holds_no_secret() -> None:
    target = Target("s3", "vps1", key="AKIA1", secret="AKIA1-and-more")
    settings = Settings("vps1", [target], "horse-battery", notifications=[{"url": "https://x/t0ken"}])
    said = "at https://x/t0ken: AKIA1-and-more, AKIA1, horse-battery, fine"
    assert meaning.without_secrets(said, settings) == "at …: …, …, …, fine"
