# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Why a connection failed: the client's words turned into the cause and what to do about it.

The numbers are those of the client (MariaDB Connector/C, errmsg.c: 2000 and up) and of the server (MariaDB's and MySQL's error
references: 1000 and 3000 and up), which are the same in every language of the server.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._host import attempt
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Reason

REASONS = [
    Reason(
        "too_many_connections", r"ERROR 1040 ",
        "the server has no free connection",
        "lower the apps' workers and pool sizes, or raise max_connections",
    ),
    Reason(
        "too_many_connections", r"ERROR (?:1203|1226) .*?'(?P<name>[^']*)'",
        "the account {name} has used up its own connection limit",
        "raise it (ALTER USER … WITH MAX_USER_CONNECTIONS) or lower the apps' workers and pool sizes",
    ),
    Reason(
        "database_missing", r"ERROR 1049 .*?'(?P<name>[^']*)'",
        "the database {name} does not exist on that server",
        "create it there, or correct the name after the host's / in the URL",
    ),
    Reason(
        "database_refused", r"ERROR 1044 .* to database '(?P<name>[^']*)'",
        "the account may not use the database {name}, or there is none of that name",
        "GRANT ALL PRIVILEGES on it to the account, or correct the name after the host's / in the URL",
    ),
    Reason(
        "tls_required", r"ERROR 3159 |--require_secure_transport=ON",
        "the server refuses connections without TLS",
        "give the server's CA (`database_ca`, or ssl_ca in the URL)",
    ),
    Reason(
        "password_missing", r"ERROR 1045 .* for user '(?P<name>[^']*)'.*\(using password: NO\)",
        "the server asks for a password and the URL has none for user {name}",
        "put it in the URL: mysql://user:password@…",
    ),
    Reason(
        "password_wrong", r"ERROR 1045 .* for user '(?P<name>[^']*)'",
        "the server refuses user {name} with this password, from this host",
        "correct the password (special characters percent-encoded: @ is %40, / is %2F) or the user name, and let the account in "
        "from this host's address (CREATE USER 'name'@'address'); the answer is the same for an account that requires TLS",
    ),
    Reason(
        "peer_failed", r"ERROR 1698 .* for user '(?P<name>[^']*)'",
        "the server lets only the system user {name} be the account {name} over this socket (unix_socket), if there is one",
        "run the app and this check as the system user {name}, or use the account that is named like the app's user",
    ),
    Reason(
        "not_allowed", r"ERROR (?:1130|1129) .*?'(?P<name>[^']*)'",
        "the server doesn't let this host in ({name})",
        "allow this host's address at the server or provider (CREATE USER 'name'@'address'; after many failures FLUSH HOSTS)",
    ),
    Reason(
        "account_locked", r"ERROR (?:4151|3118|1862|1820) ",
        "the account is locked or its password has expired",
        "unlock it on the server (ALTER USER … ACCOUNT UNLOCK, PASSWORD EXPIRE NEVER)",
    ),
    Reason(
        "plugin_missing", r"ERROR (?:1524|1156|1251|2059) .*?'?(?P<name>[a-z0-9_]+_(?:password|gssapi|ed25519)|auth\w+)'?",
        "the host's client does not know the account's way of logging in ({name})",
        "let the account use caching_sha2_password or mysql_native_password on the server",
    ),
    Reason(
        "certificate_untrusted", r"ERROR 2026 .*(?:self.signed|unable to get local issuer|verif(?:y|ication) failed|not trusted)",
        "the server's certificate is not signed by the CA that was given",
        "give the CA that signed it (`database_ca`, or ssl_ca in the URL; providers offer it for download), and check that it "
        "isn't expired",
    ),
    Reason(
        "certificate_name", r"ERROR 2026 .*(?:[Hh]ost ?name|Validation of SSL server certificate failed|name mismatch)",
        "the server's certificate is for another name than the URL has",
        "use the name that the certificate has in the URL, or let the provider issue one for it",
    ),
    Reason(
        "tls_unsupported", r"ERROR 2026 .*(?:does not support|doesn't support)",
        "the server does not offer TLS, and the URL wants it",
        "turn TLS on at the server; only on a private network leave the CA and the ssl parameters out instead",
    ),
    Reason(
        "ca_unreadable", r"ERROR 2026 .*(?:No such file|Error while reading|[Uu]nable to load|bad base64|no start line)",
        "the CA file can't be read or holds no PEM certificate",
        "give the provider's CA certificate in PEM form (-----BEGIN CERTIFICATE-----)",
    ),
    Reason(
        "tls_failed", r"ERROR 2026 [^:]*:\s*(?P<name>[^\n]*)",
        "the TLS handshake failed ({name})",
        "check TLS version and certificates at the server",
    ),
    Reason(
        "socket_missing", r"through socket '(?P<name>[^']*)' \(2\)",
        "no server has the socket {name}",
        "start the server (systemctl start mariadb), or correct unix_socket in the URL",
    ),
    Reason(
        "socket_refused", r"through socket '(?P<name>[^']*)' \((?:111|13)\b",
        "nobody answers on the socket {name}, or the system user may not open it",
        "start the server (systemctl start mariadb), and check the permissions of the socket and its folder",
    ),
    Reason(
        "name_unresolved", r"Temporary failure in name resolution",
        "the host's DNS resolver doesn't answer",
        "repair the resolver (/etc/resolv.conf), or give an address in the URL",
    ),
    Reason(
        "name_unresolved", r"ERROR 2005 |Name or service not known|No address associated|nodename nor servname",
        "the host's name in the URL does not resolve on this host",
        "correct the name in the URL; a provider's internal name resolves only inside its network",
    ),
    Reason(
        "port_refused", r"Connection refused",
        "nothing listens on that port there",
        "correct the port in the URL, or start the server and let it listen on that address",
    ),
    Reason(
        "unreachable", r"No route to host|[Nn]etwork is unreachable",
        "no network path leads there from this host",
        "check the address, the private network or VPN, and whether the host has IPv6 if the name has only that",
    ),
    Reason(
        "not_mysql", r"ERROR (?:2013|2007|2027) .*(?:initial communication|[Pp]rotocol|[Mm]alformed|reading authorization)",
        "what listens there is not MySQL or MariaDB, or it does not answer",
        "correct host and port in the URL (the default port is 3306), and allow this host's address at the server or provider",
    ),
    Reason(
        "timeout", r"timed out|ERROR 200[23] ",
        "no answer in time",
        "open the port for this host's address in the firewall (provider: allowed addresses), and check host and port",
    ),
]  # fmt: skip


def explain(said: str) -> tuple[str, str, str]:
    """Return (kind, cause, fix) for the error output SAID; kind `unknown` when no pattern fits."""
    return attempt.explain(said, REASONS, "the client")
