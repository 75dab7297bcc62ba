# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Makes a host ready for its settings: pgBackRest's files, the repositories, and nothing of it where it isn't wanted.

A repository is made here alone. A run never does: what looks like an empty target may be one whose disk isn't mounted.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    configuration,
    database,
    outside,
    parking,
    places,
    scratch_place,
    state,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import PgBackRest
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._host import service_user, systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import SUPERUSER

SERVICE = "slipway-backup.service"
DRILL = "slipway-backup-drill.timer"
UNITS = Path("/etc/systemd/system")
READY = "ready.json"
"""What the repositories were made for, in places.STATE: as long as that is the same, no target is asked."""


def prepare(settings: Settings, check: bool = False, anew: bool = False) -> list[str]:
    """Bring the host to SETTINGS; return what was done, or would be (CHECK), one sentence each.

    :param anew: go on with repositories that hold the backups of another cluster, which stay in them.
    :raises BackupError: when a target can't be reached, or holds another cluster's backups.
    """
    done = []
    if not settings.drill and systemd.is_active(DRILL):  # its files are gone already, and it would go on until a reboot
        if not check:
            systemd.stop(DRILL)
        done.append(f"stopped {DRILL}")
    if any(target.kind != "path" for target in settings.targets):
        done += _user(check)
    if settings.has_cluster:
        done += configure(settings, check)
    wanted = _fingerprint(settings)
    if state.read(places.STATE / READY).get("fingerprint") != wanted or anew:
        if not check:
            _repositories(settings, anew)
            state.write(places.STATE / READY, {"fingerprint": wanted})
        done.append(f"checked the repositories at {', '.join(target.name for target in settings.targets)}")
    return done


def _user(check: bool) -> list[str]:
    """Make the system user as which restic goes to the network; return what was done. Raises BackupError."""
    try:
        made = service_user.ServiceUser(outside.USER, outside.USER, check=check).make()
    except service_user.ServiceUserError as error:
        raise BackupError(f"the system user {outside.USER} can't be made: {error}") from None
    return [f"made the system user {outside.USER}"] if made else []


def ready() -> datetime | None:
    """Return when the host was made ready for its targets and apps, None when that isn't known."""
    path = places.STATE / READY
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc) if path.exists() else None


def configure(settings: Settings, check: bool = False) -> list[str]:
    """Write what pgBackRest reads, for it and root alone; return what was done."""
    cluster = database.cluster_of(settings)
    data = Path(database.archiver(cluster)["data"])
    about = (settings, PgBackRest(settings).version(), cluster.port, data, configuration.queue_gib(data))
    left_out = parking.parked(settings)
    files = {places.CONFIGURATION: configuration.text(*about, without=left_out)}
    files |= {places.WHOLE: configuration.text(*about)} if left_out else {}
    files |= {places.KEYS / name: text for name, text in configuration.secrets(settings).items()}
    done = []
    for path, text in files.items():
        # libssh2 takes a key however it can be read; its owner is who reads it.
        if not _is(path, text):
            done.append(f"wrote {path}")
            if not check:
                _write(path, text)
    for path in [places.WHOLE, *sorted(places.KEYS.glob("*"))]:
        if path not in files and path.exists():
            done.append(f"removed {path}")
            if not check:
                path.unlink()
    return done


def _is(path: Path, text: str) -> bool:
    try:
        found = path.stat()
        return path.read_text() == text and (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (*_owner(), 0o640)
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.parent == places.KEYS:
        os.chown(path.parent, *_owner())
        path.parent.chmod(0o750)
    state.write(path, text, 0o640)
    os.chown(path, *_owner())


def _owner() -> tuple[int, int]:
    return 0, grp.getgrnam(SUPERUSER).gr_gid


def _fingerprint(settings: Settings) -> str:
    parts = [settings.as_text(), str(settings.has_cluster)]
    if settings.has_cluster:
        cluster = database.cluster_of(settings)
        parts.append(f"{cluster.version}/{cluster.name} {database.system(cluster)}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _repositories(settings: Settings, anew: bool) -> None:
    for target in settings.targets:
        if target.kind == "path":
            _folders(Path(target.path), settings.has_cluster)
        try:
            Restic(settings, target).init()
        except BackupError as error:
            raise BackupError(f"the target {target.name} can't be used: {error}") from None
    if settings.has_cluster:
        _stanza(settings, anew)


def _folders(home: Path, has_cluster: bool) -> None:
    """Make a host's folders at a target that is a path."""
    if not home.parent.is_dir():
        raise BackupError(f"there is no folder {home.parent} on this host: mount or create it, then run site.yml again")
    home.mkdir(mode=0o755, exist_ok=True)
    (home / "restic").mkdir(mode=0o700, exist_ok=True)
    if has_cluster:
        owner = pwd.getpwnam(SUPERUSER)
        (home / "pgbackrest").mkdir(mode=0o750, exist_ok=True)
        os.chown(home / "pgbackrest", owner.pw_uid, owner.pw_gid)


def _stanza(settings: Settings, anew: bool) -> None:
    """Make pgBackRest's repositories for the host's cluster. Raises BackupError for those of another one."""
    tool = PgBackRest(settings)
    own = database.system(database.cluster_of(settings))
    for found in tool.info():
        if found.system and found.system != own:
            target = settings.targets[found.number - 1].name
            if not anew:
                newest = f", the newest of {found.backups[-1].stop:%Y-%m-%d %H:%M} UTC" if found.backups else ""
                raise BackupError(
                    f"{target} holds the backups of another PostgreSQL cluster of this host{newest}. To restore them: "
                    "`ansible-playbook site.yml -e restore=latest`. To start over and keep them there: "
                    "`ansible-playbook site.yml -e backups=anew`"
                )
            tool.upgrade()
            return
    tool.create()


def remove(check: bool = False) -> Iterator[str]:
    """Take away what a host has of backups beside its programs; what is at the targets stays. Yield what was done."""
    for unit in sorted(UNITS.glob("slipway-backup*.timer")):
        if not check:
            names = [unit.name, unit.with_suffix(".service").name]
            subprocess.run(["systemctl", "disable", "--now", "--quiet", *names], check=False, capture_output=True)
        yield f"stopped {unit.name}"
    if not check:
        scratch_place.sweep()
    for path in (places.CONFIGURATION, places.WHOLE, places.METRICS):
        if path.exists() and (path != places.CONFIGURATION or path.read_text().startswith(configuration.HEADER)):
            if not check:
                path.unlink()
            yield f"removed {path}"
    for folder in (places.KEYS, places.SECRETS, places.STATE, places.CACHE, Path("/var/cache", outside.CACHE)):
        if folder.exists():
            if not check:
                shutil.rmtree(folder)
            yield f"removed {folder}"
