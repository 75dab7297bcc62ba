# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""pgBackRest's configuration file on a host. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import places
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import secret_name
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import SOCKET_FOLDER

HEADER = "# Written by Ansible (slipway.flask): the next run overwrites what is changed here.\n"
BUNDLES, BLOCKS = (2, 39), (2, 46)
"""First versions that can save small files as one object, and of large ones only what changed (its release notes)."""
GIB = 2**30
QUEUE_SHARE, QUEUE_LEAST, QUEUE_MOST = 10, 1, 32
"""WAL that waits for a target may take a tenth of the disk, from 1 to 32 GiB; more than that is dropped, which a new full
backup mends. A server whose disk is full stands still."""
FOR_EVER = 9_999_999
"""Backups are removed by `retention`, not by their number."""


def queue_gib(data: Path) -> int:
    """Return how many GiB of WAL may wait on the disk that holds DATA."""
    return min(QUEUE_MOST, max(QUEUE_LEAST, shutil.disk_usage(data).total // GIB // QUEUE_SHARE))


def text(
    settings: Settings, version: tuple[int, ...], port: int, data: Path, queue: int, without: Collection[int] = ()
) -> str:
    """Return the file: the passphrase and the targets' secrets are in it.

    VERSION is pgBackRest's; PORT and DATA are the cluster's; QUEUE is how many GiB of WAL may wait; WITHOUT are the numbers of
    targets that are left out.
    """
    lines = [
        "[global]",
        "start-fast=y",  # a checkpoint now, not when the server is due for one
        "compress-type=zst",
        "process-max=2",
        "expire-auto=n",
        "archive-async=y",
        f"archive-push-queue-max={queue}GiB",
        "spool-path=/var/spool/pgbackrest",
        "lock-path=/var/spool/pgbackrest/lock",
        "log-level-console=off",
        "log-level-stderr=error",
        "log-level-file=warn",
    ]
    for number, target in enumerate(settings.targets, 1):
        if number not in without:
            lines += [f"repo{number}-{line}" for line in _repository(target, settings.passphrase, version)]
    lines += ["", f"[{places.STANZA}]", f"pg1-path={data}", f"pg1-port={port}", f"pg1-socket-path={SOCKET_FOLDER}"]
    # A segment is fetched when it is wanted: several recoveries on one host would share what is fetched ahead.
    lines += ["", "[global:archive-get]", "archive-async=n"]
    return HEADER + "\n".join(lines) + "\n"


def _repository(target: Target, passphrase: str, version: tuple[int, ...]) -> Iterator[str]:
    """Yield the settings of one repository, without its number."""
    yield f"path={'/' if target.kind == 's3' else ''}{target.path.rstrip('/')}/pgbackrest"
    yield "cipher-type=aes-256-cbc"
    yield f"cipher-pass={passphrase}"
    yield f"retention-full={FOR_EVER}"
    if version >= BUNDLES:
        yield "bundle=y"
    if version >= BLOCKS:
        yield "block=y"
    if target.kind == "s3":
        yield from _s3(target)
    elif target.kind == "sftp":
        yield from _sftp(target)


def _s3(target: Target) -> Iterator[str]:
    host, _, port = target.endpoint.partition(":")
    yield "type=s3"
    yield f"s3-bucket={target.bucket}"
    yield f"s3-endpoint={host}"
    yield f"s3-region={target.region or 'us-east-1'}"
    yield f"s3-key={target.key}"
    yield f"s3-key-secret={target.secret}"
    yield f"s3-uri-style={'host' if target.addressing == 'virtual' else 'path'}"
    if port:
        yield f"storage-port={port}"
    if target.ca:
        yield f"storage-ca-file={places.KEYS / secret_name(target)}.ca"


def _sftp(target: Target) -> Iterator[str]:
    home = places.KEYS / secret_name(target)
    yield "type=sftp"
    yield f"sftp-host={target.host}"
    yield f"sftp-host-port={target.port}"
    yield f"sftp-host-user={target.user}"
    yield f"sftp-private-key-file={home}.key"
    yield f"sftp-known-host={home}.known_hosts"
    yield "sftp-host-key-hash-type=sha256"


def secrets(settings: Settings) -> dict[str, str]:
    """Return the files with the targets' own secrets, by name: each program that reads them has a folder of them."""
    found = {}
    for target in settings.targets:
        name = secret_name(target)
        if target.kind == "sftp":
            found[f"{name}.key"] = target.secret.strip() + "\n"
            at = target.host if target.port == 22 else f"[{target.host}]:{target.port}"
            found[f"{name}.known_hosts"] = "".join(f"{at} {key}\n" for key in target.host_key.splitlines())
        if target.ca:
            found[f"{name}.ca"] = target.ca.strip() + "\n"
    return found
