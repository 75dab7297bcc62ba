# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The system users of an app that goes, and what they have elsewhere.

A user's number is handed out again. Files that the app has left elsewhere would then be another app's, to read, to change, and
to run. So what it has in places that everybody may write is removed; where there is more, the number stays taken, by a user
without any right whose name says so, until those files are gone. They are not given to root or removed: some of them may be
somebody's copies, or another host's, and are not the app's at all.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import service_user
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError
from ansible_collections.slipway.flask.plugins.module_utils._remove.journal import Account

OPEN = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/dev/mqueue")
"""Places that everybody may write (file-hierarchy(7))."""
SPOOLS = ("/var/spool/cron/crontabs/{}", "/var/mail/{}", "/var/lib/systemd/linger/{}")
JOBS = Path("/var/spool/cron/atjobs")
FOREIGN = ("/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/var/lib/lxc", "/var/lib/lxd", "/var/lib/machines",
           "/var/lib/incus", "/var/lib/kubelet", "/var/lib/rancher", "/run/containerd")  # fmt: skip
"""Whose files have the numbers of users in containers."""
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs", "proc", "sysfs", "cgroup2", "cgroup",
          "autofs", "tracefs", "debugfs", "securityfs", "bpf", "pstore", "configfs", "fusectl", "devpts")  # fmt: skip
"""File systems that are another host's or the kernel's."""
SCAN_SECONDS = 900
SHOWN = 20


def keeper(uid: int) -> str:
    """Return what a user is called that keeps a number from being handed out again."""
    return f"gone-{uid}"


def of(name: str, comment: str) -> Account | None:
    """Return the account NAME if it was made with COMMENT, by which it is known for ours."""
    found = service_user.find(pwd.getpwnam, name)
    return Account(name, found.pw_uid, found.pw_gid) if found and found.pw_gecos == comment else None


def forbid(accounts: Iterable[Account]) -> None:
    """Take away by which a user begins processes beside its services: cron, at, a systemd of its own."""
    for account in accounts:
        for path in SPOOLS:
            with suppress(OSError):
                os.unlink(path.format(account.name))
        with suppress(OSError):
            for job in JOBS.iterdir():
                if job.lstat().st_uid == account.uid:
                    job.unlink()


def free_memory(accounts: Iterable[Account], proc: Path = Path("/proc/sysvipc")) -> list[str]:
    """Remove the shared memory, semaphores and queues of the ACCOUNTS: the next user with the number could read them.

    sysvipc(7): a table each, whose second column is what ipcrm(1) is told.
    """
    uids, gone = {str(account.uid): account for account in accounts}, list[str]()
    for kind, option in (("shm", "-m"), ("sem", "-s"), ("msg", "-q")):
        with suppress(OSError):
            head, *rows = [line.split() for line in (proc / kind).read_text().splitlines()]
            for row in rows:
                owners = [uids[one] for one in (row[head.index("uid")], row[head.index("cuid")]) if one in uids]
                if owners:
                    gone.append(f"{option} {row[1]}")
                    # Its owner and its creator may; root only with CAP_SYS_ADMIN (shmctl(2)), which not every caller has.
                    subprocess.run(
                        ["ipcrm", option, row[1]], capture_output=True, check=False,
                        user=owners[0].uid, group=owners[0].gid, extra_groups=[],
                    )  # fmt: skip
    return gone


def sweep(accounts: Sequence[Account], places: Sequence[str] = OPEN) -> list[str]:
    """Remove what the ACCOUNTS have in places that everybody may write, but no file of another's in a folder of theirs.

    find(1) goes by open folders, whatever is put in its way, and knows trees of any depth; a folder that isn't empty stays.
    """
    there = [place for place in places if os.path.isdir(place)]
    if not accounts or not there:
        return []
    owned = " -o ".join(f"-uid {one.uid}" for one in accounts).split()
    command = ["find", *there, "-xdev", "-mindepth", "1", "-depth", "(", *owned, ")", "-print0", "-delete"]
    done = subprocess.run(command, capture_output=True, check=False)
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]


def elsewhere(accounts: Sequence[Account], within: Sequence[str] = ("/",), skip: Collection[str] = ()) -> list[str]:
    """Return files and folders that belong to the ACCOUNTS or to their groups, on this host's own disks.

    :param skip: folders that are not looked into, for they go.
    :raises RemoveError: when it takes longer than SCAN_SECONDS.
    """
    if not accounts:
        return []
    owned = " -o ".join(f"-uid {one.uid} -o -gid {one.gid}" for one in accounts).split()
    pruned = [word for path in [*FOREIGN, *skip] for word in ("-path", _plain(path), "-o")]
    types = [word for kind in REMOTE for word in ("-fstype", kind, "-o")]
    command = ["find", *within, "(", *pruned, *types[:-1], ")", "-prune", "-o", "(", *owned, ")", "-print0"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=SCAN_SECONDS)
    except subprocess.TimeoutExpired:
        raise RemoveError(f"looking for files elsewhere took longer than {SCAN_SECONDS} s") from None
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]


def _plain(path: str) -> str:
    """Return PATH as a pattern of find(1) that means itself."""
    return "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in path)


def is_there(account: Account) -> bool:
    """Tell whether ACCOUNT has its number still, under its name or as one that is kept; else somebody else may have it by now."""
    found = service_user.find(pwd.getpwnam, account.name)
    return (found is not None and found.pw_uid == account.uid) or is_kept(account)


def is_kept(account: Account) -> bool:
    """Tell whether the number of ACCOUNT is kept from being handed out again."""
    found = service_user.find(pwd.getpwnam, keeper(account.uid))
    return found is not None and found.pw_uid == account.uid


def remove(accounts: Sequence[Account], left: Sequence[str], every: bool = False) -> list[str]:
    """Remove the ACCOUNTS; those whose files are LEFT elsewhere stay as ones without any right, or EVERY one does.

    Return what was done.
    """
    done = []
    for account in accounts:
        found = service_user.find(pwd.getpwnam, account.name)
        kept = every or any(_is_of(path, account) for path in left)
        if found and found.pw_uid == account.uid:
            if kept:
                _keep(account)
                done.append(f"user {account.name} is {keeper(account.uid)} from now on, without any privileges")
                continue
            _run("userdel", account.name)  # and its group, where nobody else has that as primary group (userdel(8))
            done.append(f"user {account.name}")
        if kept:
            continue
        if is_kept(account):
            _run("userdel", keeper(account.uid))
            done.append(f"user {keeper(account.uid)}")
        for name in (account.name, keeper(account.uid)):
            group = service_user.find(grp.getgrnam, name)
            if group and group.gr_gid == account.gid:
                _run("groupdel", name)
                done.append(f"group {name}")
    return done


def _keep(account: Account) -> None:
    name = keeper(account.uid)
    _run("usermod", "--login", name, "--comment", f"Owner of files that {account.name} left", "--lock", "--expiredate", "1",
         "--groups", "", account.name)  # fmt: skip
    group = service_user.find(grp.getgrnam, account.name)
    if group and group.gr_gid == account.gid:
        _run("gpasswd", "--members", "", account.name)
        _run("groupmod", "--new-name", name, account.name)


def _is_of(path: str, account: Account) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return found.st_uid == account.uid or found.st_gid == account.gid


def _run(*command: str) -> None:
    try:
        service_user.execute(list(command))
    except service_user.ServiceUserError as error:
        raise RemoveError(str(error)) from None
