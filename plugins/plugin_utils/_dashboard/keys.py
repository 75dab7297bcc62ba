# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of `slipway_dashboard`: the one place that says what each is.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key

KEYS: dict[str, Key] = {
    "domain": Key(str, REQUIRED, "Host name of the page, e.g. `stats.example.org`; none that an app has."),
    "users": Key(
        dict,
        REQUIRED,
        "Name to password of 12 characters or more, or its hash from `openssl passwd -6` (secret).",
        of=str,
        place="user",
    ),
    "allow": Key(list, [], "Addresses and networks that may see the page; all others get 403.", of=str),
    "certificate": Key(
        str, "self_signed", "Where the certificate comes from.", ("self_signed", "provided", "acme")
    ),
    "certificate_file": Key(str, "", "File on this machine: the provided certificate with its chain (PEM)."),
    "certificate_key_file": Key(str, "", "File on this machine: the provided certificate's key (PEM)."),
}  # fmt: skip
