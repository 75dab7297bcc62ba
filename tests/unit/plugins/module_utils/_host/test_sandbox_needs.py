# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app asks its sandbox to open, and how a refusal leads to it. The texts are those of real packages."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox_needs

SAID = {
    "psutil.virtual_memory()": (
        "FileNotFoundError: [Errno 2] No such file or directory: '/proc/meminfo'",
        "host_metrics",
    ),
    "psutil.net_if_addrs()": ("OSError: [Errno 97] Address family not supported by protocol", "host_metrics"),
    "LibreOffice": ("ERROR: /proc not mounted - LibreOffice is unlikely to work well if at all", "host_metrics"),
    "free": ("free: Memory information file /proc/meminfo does not exist", "host_metrics"),
    "Node.js lists interfaces": (
        "A system error occurred: uv_interface_addresses returned Unknown system error 97",
        "host_metrics",
    ),
    "Node.js": ("Command '['node', 'x.js']' died with <Signals.SIGTRAP: 5>.", "runtime_code"),
    "cffi": ("MemoryError: Cannot allocate write+execute memory for ffi.callback().", "runtime_code"),
    "Chromium": (
        "[7150:ERROR:content/browser/zygote_host/zygote_host_impl_linux.cc:130] No usable sandbox! If this is a Debian …",
        "browser",
    ),
    "Chromium --no-sandbox": (
        "[6797:FATAL:sandbox/linux/services/credentials.cc:371] Check failed: . : Operation not permitted (1)",
        "browser",
    ),
    "a file of the app's own": ("FileNotFoundError: [Errno 2] No such file or directory: '/srv/x/meminfo'", ""),
    "somebody refuses a connection": ("ConnectionRefusedError: [Errno 111] Connection refused", ""),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "need"), SAID.values(), ids=SAID)
def test_a_known_refusal_leads_to_the_key_that_opens_it(text: str, need: str) -> None:
    assert sandbox_needs.refused(f"  lines before\n{text}\nlines after") == need
    assert (f"sandbox: {{{need}: true}}" in sandbox_needs.hint(text)) == bool(need)


@pytest.mark.parametrize(
    ("sandbox", "said"),
    [
        ({"host_metrics": True, "browser": False}, []),
        (
            {"host_metric": True},
            ["'sandbox' has 'host_metric', which is not one of host_metrics, runtime_code, browser"],
        ),
        ({"browser": "maybe"}, ["'sandbox' has 'browser' with 'maybe': it must be true or false"]),
    ],
)
def test_what_a_sandbox_can_not_open_is_refused(sandbox: dict[str, object], said: list[str]) -> None:
    assert sandbox_needs.problems(sandbox, "'sandbox'") == said
