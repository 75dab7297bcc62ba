# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""POSIX access lists, acl(5): one more user may read a file or enter a folder, without a group that opens all the rest.

Written without setfacl(1), which is not on every host, and which follows links: this works on what is open as well. The
form of the attribute is linux/posix_acl_xattr.h, the meaning of the mask acl(5), "OBJECT ACCESS CHECK".
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import errno
import os
import struct

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
READ, ENTER = 4, 1
VERSION, NOBODY = 2, 0xFFFFFFFF
OWNER, USER, GROUP, NAMED_GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20

Entries = dict[tuple[int, int], int]
"""Permission bits by kind of entry and uid or gid."""


class AclError(RuntimeError):
    """The file system keeps no access lists; the message is for the user."""


def grant(path: str | os.PathLike[str], uid: int, bits: int, default: bool = False) -> bool:
    """Let the user UID have BITS of PATH, which must not be a link; return whether that changed anything.

    With DEFAULT, of what will be made in the folder PATH. Raises AclError where there are no access lists, OSError else.
    """
    before = read(path, default)
    after = {**(before or base(path)), (USER, uid): bits}
    after[MASK, NOBODY] = before[MASK, NOBODY] if before and (MASK, NOBODY) in before else 0
    for (kind, _), had in after.items():
        if kind in (USER, GROUP, NAMED_GROUP):
            after[MASK, NOBODY] |= had
    if after == before:
        return False
    try:
        os.setxattr(path, DEFAULT if default else ACCESS, pack(after), follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
            raise AclError(
                f"{os.fspath(path)}: its file system does not support access control lists (acl(5)), which "
                "nginx needs; mount it with them (ext4: `acl`, ZFS: `zfs set acltype=posixacl`)"
            ) from error
        raise
    return True


def has(path: str | os.PathLike[str], uid: int, default: bool = False) -> bool:
    """Tell whether the access list of PATH names the user UID."""
    return (USER, uid) in (read(path, default) or {})


def base(path: str | os.PathLike[str]) -> Entries:
    """Return what the permission bits of PATH say, as entries."""
    mode = os.lstat(path).st_mode
    return {(OWNER, NOBODY): mode >> 6 & 7, (GROUP, NOBODY): mode >> 3 & 7, (OTHER, NOBODY): mode & 7}


def read(path: str | os.PathLike[str], default: bool = False) -> Entries | None:
    """Return the access list of PATH, None when it has none."""
    try:
        found = os.getxattr(path, DEFAULT if default else ACCESS, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS):
            return None
        raise
    return {(kind, who): bits for kind, bits, who in struct.iter_unpack("<HHI", found[4:])}


def pack(entries: Entries) -> bytes:
    """Return ENTRIES as the kernel takes them: in the order of their kinds, then of the users."""
    return struct.pack("<I", VERSION) + b"".join(
        struct.pack("<HHI", kind, bits, who) for (kind, who), bits in sorted(entries.items())
    )
