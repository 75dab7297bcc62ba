# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Why a connection failed: psql's words turned into the cause and what to do about it.

The patterns are libpq's messages in C locale (src/interfaces/libpq/fe-connect.c, fe-secure-openssl.c, fe-auth.c of 14
to 18), the server's (src/backend/libpq/auth.c, src/backend/utils/init/postinit.c) and PgBouncer's. A server whose
lc_messages is not English gets the general answer, with its own words.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._host import attempt
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Reason

# Furthest first: of several attempts (IPv6 then IPv4, with TLS then without) the one that got furthest tells the most.
REASONS = [
    Reason(
        "too_many_connections",
        r"sorry, too many clients already|remaining connection slots are reserved|no more connections allowed",
        "the server has no free connection",
        "lower the apps' workers and pool sizes, raise max_connections, or put a pooler in between",
    ),
    Reason(
        "too_many_connections",
        r'too many connections for (?P<what>role|database) "(?P<name>[^"]*)"',
        "the {what} {name} has used up its own connection limit",
        "raise it (ALTER {what} … CONNECTION LIMIT) or lower the apps' workers and pool sizes",
    ),
    Reason(
        "database_missing",
        r'database "(?P<name>[^"]*)" does not exist|no such database: (?P<pooled>\S+)',
        "the database {name}{pooled} does not exist on that server",
        "create it there, or correct the name after the host's / in the URL",
    ),
    Reason(
        "database_refused",
        r'permission denied for database "(?P<name>[^"]*)"',
        "the role may not connect to the database {name}",
        "GRANT CONNECT on it to the role, or name the role's own database in the URL",
    ),
    Reason(
        "role_missing",
        r'role "(?P<name>[^"]*)" does not exist|no such user: (?P<pooled>\S+)|Tenant or user not found',
        "the role {name}{pooled} does not exist on that server",
        "create it there, or correct the user name in the URL",
    ),
    Reason(
        "role_refused",
        r'role "(?P<name>[^"]*)" is not permitted to log in',
        "the role {name} may not log in",
        "ALTER ROLE … LOGIN on the server, or use another role in the URL",
    ),
    Reason(
        "password_missing",
        r"no password supplied|empty password returned by client",
        "the server asks for a password and the URL has none",
        "put it in the URL: postgresql://user:password@…",
    ),
    Reason(
        "password_wrong",
        r'(password|SASL|PAM|LDAP|RADIUS|md5) authentication failed(?: for user "(?P<name>[^"]*)")?',
        "the server refuses the password of user {name}",
        "correct the password (special characters percent-encoded: @ is %40, / is %2F) or the user name; "
        "PostgreSQL gives the same answer for a user who doesn't exist",
    ),
    Reason(
        "peer_failed",
        r'(?:[Pp]eer|Ident) authentication failed for user "(?P<name>[^"]*)"',
        "the server lets only the system user {name} be the role {name} over this socket (peer authentication)",
        "run the app and this check as the system user {name}, or use the role that is named like the app's user",
    ),
    Reason(
        "not_allowed",
        r'no pg_hba\.conf entry for host (?:"\[local\]"|.*, SSL (?:encryption|on)\b)',
        "the server doesn't let this address, user and database in (pg_hba.conf)",
        "allow this host's address at the server or provider, and check user and database in the URL",
    ),
    Reason(
        "tls_required",
        r"no pg_hba\.conf entry for host .*, (?:no encryption|SSL off)|(?i:SSL (?:connection )?(?:is )?required)"
        r"|connection requires a valid client certificate",
        "the server refuses this connection: it wants TLS (or a client certificate), or doesn't let this address, user "
        "and database in at all",
        "add sslmode=verify-full (with the provider's CA) to the URL; if it has that, allow this host's address at the "
        "server or provider",
    ),
    Reason(
        "not_allowed",
        r"no pg_hba\.conf entry",
        "the server doesn't let this address, user and database in (pg_hba.conf)",
        "allow this host's address at the server or provider, and check user and database in the URL",
    ),
    Reason(
        "starting",
        r"the database system is (?:starting up|shutting down|in recovery mode|not yet accepting connections"
        r"|not accepting connections)",
        "the server is starting, stopping or recovering",
        "wait until it is up (its log says what it does), then run again",
    ),
    Reason(
        "read_only",
        r"session is read-only|server is in hot standby mode|server is not in hot standby mode|session is not read-only",
        "no server of the wanted kind answers (target_session_attrs)",
        "name the primary server in the URL, or check the replication",
    ),
    Reason(
        "ca_missing",
        r'root certificate file "(?P<name>[^"]*)" does not exist',
        "the CA file {name} does not exist on this host",
        "give the CA (key ca or ca_file of the connection) and name its path as sslrootcert in the URL",
    ),
    Reason(
        "ca_unreadable",
        r'could not (?:read|load) root certificate file "(?P<name>[^"]*)"',
        "the CA file {name} can't be read or holds no PEM certificate",
        "give the provider's CA certificate in PEM form (-----BEGIN CERTIFICATE-----)",
    ),
    Reason(
        "certificate_untrusted",
        r"certificate verify failed|self[- ]signed certificate|unable to get local issuer certificate",
        "the server's certificate is not signed by the CA that sslrootcert names",
        "give the CA that signed it (key ca or ca_file; providers offer it for download), and check that it isn't expired",
    ),
    Reason(
        "certificate_name",
        r'server certificate for "(?P<name>[^"]*)".* does not match host name "(?P<host>[^"]*)"',
        "the server's certificate is for {name}, not for {host}",
        "use the name that the certificate has in the URL, or let the provider issue one for {host}",
    ),
    Reason(
        "tls_unsupported",
        r"server does not support SSL, but SSL was required",
        "the server does not offer TLS, and the URL's sslmode wants it",
        "turn TLS on at the server; only on a private network take sslmode=prefer or disable instead",
    ),
    Reason(
        "not_postgres",
        r"SSL error: wrong version number|invalid response to SSL negotiation"
        r"|expected authentication request from server|received invalid protocol",
        "what listens there is not PostgreSQL",
        "correct host and port in the URL (the default port is 5432; a web or admin port is another one)",
    ),
    Reason(
        "tls_failed",
        r"SSL (?:SYSCALL )?error: (?P<name>[^\n]*)|could not load (?:private key|certificate) file",
        "the TLS handshake failed ({name})",
        "check TLS version and certificates at the server, and the sslcert and sslkey files",
    ),
    Reason(
        "closed",
        r"server closed the connection unexpectedly|Connection reset by peer",
        "the other side closed the connection at once: a proxy or firewall, or no PostgreSQL at all",
        "correct host and port, and allow this host's address at the server or provider",
    ),
    Reason(
        "socket_missing",
        r'on socket "(?P<name>[^"]*)" failed: No such file or directory',
        "no PostgreSQL server has the socket {name}",
        "start the server, or correct host and port in the URL (a socket's name ends with the port)",
    ),
    Reason(
        "socket_refused",
        r'on socket "(?P<name>[^"]*)" failed: (?:Connection refused|Permission denied)',
        "nobody answers on the socket {name}, or the system user may not open it",
        "start the server, and check the permissions of the socket and its folder",
    ),
    Reason(
        "port_refused",
        r"port (?P<name>\d+) failed: Connection refused",
        "nothing listens on port {name} there",
        "correct the port in the URL, or start the server and let it listen on that address",
    ),
    Reason(
        "timeout",
        r"timeout expired|Connection timed out",
        "no answer in time",
        "open the port for this host's address in the firewall (provider: allowed addresses), and check host and port",
    ),
    Reason(
        "unreachable",
        r"No route to host|Network is unreachable|Network unreachable",
        "no network path leads there from this host",
        "check the address, the private network or VPN, and whether the host has IPv6 if the name has only that",
    ),
    Reason(
        "name_unresolved",
        r'could not translate host name "(?P<name>[^"]*)" to address: Temporary failure',
        "the host's DNS resolver doesn't answer, so {name} can't be looked up",
        "repair the resolver (/etc/resolv.conf), or give an address in the URL",
    ),
    Reason(
        "name_unresolved",
        r'could not translate host name "(?P<name>[^"]*)" to address',
        "the host name {name} does not resolve on this host",
        "correct the name in the URL; a provider's internal name resolves only inside its network",
    ),
    Reason(
        "option_invalid",
        r'invalid (?P<name>\S+) value: "(?P<what>[^"]*)"|invalid (?:port number|connection option|URI query parameter)',
        "a parameter of the URL is not valid ({name})",
        "correct it after the manual's chapter on connection parameters",
    ),
]  # fmt: skip


def explain(said: str) -> tuple[str, str, str]:
    """Return (kind, cause, fix) for psql's error output SAID; kind `unknown` when no pattern fits."""
    return attempt.explain(said, REASONS, "psql")
