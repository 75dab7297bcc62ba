# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Work on what is foreign, done by a child process that has the app's rights and no way to more.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import select
import signal
import traceback
from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
"""prctl(2)."""
LOOK_SECONDS = 1.0
Tell = Callable[[Any], None]


def run(
    user: str, work: Callable[[Tell], Any], look: Callable[[Any], None] = lambda told: None,
    begun: Callable[[], None] = lambda: None,
) -> Any:  # fmt: skip
    """Return what WORK returns in a child of the system user USER; both are JSON.

    BEGUN is called when the child is there, LOOK about every second and with whatever WORK tells meanwhile; when LOOK raises,
    the child is killed. Raises DumpError with what WORK raised.
    """
    account = pwd.getpwnam(user)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(account, work, writing)
    os.close(writing)
    try:
        begun()
        answer = _answer(reading, look)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(reading)
        _, status = os.waitpid(child, 0)
    if answer is None:
        raise DumpError(f"what reads it ended with status {os.waitstatus_to_exitcode(status)}")
    if "failed" in answer:
        raise DumpError(answer["failed"])
    return answer["done"]


def _child(account: pwd.struct_passwd, work: Callable[[Tell], Any], writing: int) -> None:
    """Do the work, write what came of it, and end."""
    answer: dict[str, Any]
    try:
        with os.fdopen(writing, "w") as pipe:

            def tell(what: Any) -> None:
                pipe.write(json.dumps({"told": what}) + "\n")
                pipe.flush()

            try:
                drop_rights(account)
                answer = {"done": work(tell)}
            except DumpError as error:
                answer = {"failed": str(error)}
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                answer = {
                    "failed": f"{type(error).__name__}: {error} ({os.path.basename(last.filename)}:{last.lineno})"
                }
            pipe.write(json.dumps(answer) + "\n")
    finally:
        os._exit(0)


def drop_rights(account: pwd.struct_passwd) -> None:
    """Have the rights of ACCOUNT and never more, and end with the parent."""
    library = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    for option, value in ((PR_SET_NO_NEW_PRIVS, 1), (PR_SET_PDEATHSIG, signal.SIGKILL)):
        library.prctl(option, ctypes.c_ulong(value), 0, 0, 0)
    os.chdir("/")
    os.umask(0o077)


def _answer(reading: int, look: Callable[[Any], None]) -> dict[str, Any] | None:
    """Return the child's last word, None when it had none."""
    rest, answer = b"", None
    while True:
        ready, _, _ = select.select([reading], [], [], LOOK_SECONDS)
        if not ready:
            look(None)
            continue
        block = os.read(reading, 1 << 16)
        if not block:
            return answer
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            found = json.loads(line)
            if "told" in found:
                look(found["told"])
            else:
                answer = found
