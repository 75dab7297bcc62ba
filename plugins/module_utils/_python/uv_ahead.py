# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Fetching uv while APT installs: pip's wheel is unpacked long before the last package is set up.

It is no more than a head start. What does not work here, slipway.flask.uv_install does again and tells.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python import uv_install

OPTIONS: dict[str, dict[str, Any]] = {
    "version": {"type": "str", "required": True},
    "hashes": {"type": "list", "elements": "str", "default": []},
    "link": {"type": "path", "default": "/opt/slipway/bin/uv"},
    "ca_bundle": {"type": "path", "default": "/etc/ssl/certs/ca-certificates.crt"},
    "index_url": {"type": "str", "default": "", "no_log": True},
    "extra_index_urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
}
"""What a module takes to know which uv, from where: the same as slipway.flask.uv_install."""
LOOK_SECONDS = 0.1


@contextmanager
def fetched(
    wanted: Mapping[str, Any] | None, then: Callable[[str], None] | None = None, stop: Callable[[], None] | None = None
) -> Iterator[None]:
    """Fetch the uv that is WANTED (OPTIONS; none without a version) while what is inside runs, as soon as there is a pip.

    THEN is called with its path, still beside what is inside, which waits for its end; STOP when what is inside has failed.
    """
    if not wanted or not wanted["version"]:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_fetch, args=(wanted, over, then))
    thread.start()
    try:
        yield
    except BaseException:
        if stop:
            stop()
        raise
    finally:
        over.set()
        thread.join()


def _fetch(wanted: Mapping[str, Any], over: threading.Event, then: Callable[[str], None] | None) -> None:
    program = Path(wanted["link"]).parents[1] / f"uv-{wanted['version']}" / "bin/uv"
    _come_to(program, wanted, over)
    if then and os.access(program, os.X_OK):
        then(str(program))


def _come_to(program: Path, wanted: Mapping[str, Any], over: threading.Event) -> None:
    """Wait for pip, and fetch uv's PROGRAM with it unless it is there."""
    while not over.is_set():
        if os.access(program, os.X_OK):
            return
        if any(uv_install.WHEELS.glob("pip-*.whl")):  # dpkg gives a file its name when it is whole
            index = _Once(wanted["index_url"], tuple(wanted["extra_index_urls"]), wanted["ca_bundle"])
            with suppress(tools.EnvironmentError_, OSError):
                uv_install.fetch(wanted["version"], wanted["hashes"], program.parents[1], index)
            return
        over.wait(LOOK_SECONDS)


class _Once(tools.Index):
    """An index that is asked once: an answer that does not come is waited for when it is needed."""

    def variables(self) -> dict[str, str]:
        return super().variables() | {"PIP_RETRIES": "0"}
