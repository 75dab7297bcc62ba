# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Why a new login failed, in words, from what ssh says.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Reason, explain

REASONS = (
    Reason(
        "exchange",
        r"no matching (?P<name>key exchange method|MAC|cipher) found",
        "this controller's SSH client has no {name} that the host still accepts",
        "update OpenSSH to 8.9 or newer, or set `older_clients: true` in slipway_ssh",
    ),
    Reason(
        "host_key_type",
        r"no matching host key type found",
        "the host no longer offers the kind of host key that this controller knows it by",
        "add the line of `ssh-keyscan -t ed25519 HOST` to known_hosts, when it is the one in /etc/ssh of the host",
    ),
    Reason(
        "host_key",
        r"Host key verification failed|IDENTIFICATION HAS CHANGED|host key is known",
        "known_hosts of this controller has no key that the host still offers (Ed25519, and RSA of 3072 bits or more)",
        "add the line of `ssh-keyscan -t ed25519 HOST` to known_hosts, when it is the one in /etc/ssh of the host",
    ),
    Reason(
        "too_many",
        r"Too many authentication failures",
        "the SSH client offers more keys than `max_auth_tries` of slipway_ssh",
        "name the key in the inventory with `-o IdentitiesOnly=yes` in ansible_ssh_common_args, or raise `max_auth_tries`",
    ),
    Reason(
        "jump",
        r"administratively prohibited",
        "the jump host (ProxyJump) no longer forwards connections",
        "set `forwarding: [agent, local]` in slipway_ssh for that host",
    ),
    Reason(
        "unreachable",
        r"Connection (refused|timed out)|No route to host|Operation timed out|Network is unreachable",
        "nothing answers there",
        "check that the provider's firewall, which only its console can change, allows the port",
    ),
    Reason(
        "cut",
        r"kex_exchange_identification|Not allowed at this time|Connection (closed|reset) by",
        "the host closes the connection before the login",
        "wait some minutes: sshd of Debian 13 and fail2ban block an address for a while after failed logins; slipway_never_ban "
        "exempts it",
    ),
    Reason(
        "denied",
        r"Permission denied",
        "the account or its key is not accepted",
        "see `keys` in slipway_people, `allow` and `root_login` in slipway_ssh, and AllowUsers and Match of the "
        "host's own configuration",
    ),
)


def advice(said: str) -> str:
    """Return the cause and what to do about it for what ssh SAID, "" when it says neither."""
    kind, cause, fix = explain(said, REASONS, "ssh")
    return "" if kind == "unknown" else f"{cause}; {fix}"
