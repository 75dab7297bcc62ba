# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of `slipway_dashboard`: the one place that says what each is.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key

KEYS: dict[str, Key] = {
    "domain": Key(str, REQUIRED, "Domain of the dashboard, e.g. `stats.example.org`; it can't be the domain of "
                                 "an app."),
    "users": Key(
        dict,
        REQUIRED,
        "Users and their passwords (at least 12 characters) or password hashes from `openssl passwd -6` (secret).",
        of=str,
        place="user",
    ),
    "allow": Key(list, [], "Addresses and networks that may see the dashboard; all others get 403.", of=str),
    "certificate": Key(
        str, "self_signed", "Where the certificate comes from; see docs/certificates.md.", ("self_signed", "provided", "acme")
    ),
    "certificate_file": Key(str, "", "Local file with the certificate and its chain (PEM), for `certificate: "
                                     "provided`."),
    "certificate_key_file": Key(str, "", "Local file with the certificate's private key (PEM), for "
                                         "`certificate: provided`."),
}  # fmt: skip
