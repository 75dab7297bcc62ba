# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether the host that backups are of still serves, however little it writes: somebody answers at its address with its
certificate. Two hosts that write to the same backups would each follow, and remove, what is the other's.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import machine
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import CERTIFICATE

FOLDER = Path("/etc/nginx/tls")
SECONDS = 5
"""How long an address is waited for; a host that is off does not answer at all."""
PORT = 443


def refuse(addresses: Sequence[str]) -> None:
    """Raise BackupError while the old host answers at one of its ADDRESSES that this host has not got."""
    own = machine.addresses()
    if found := where([one for one in addresses if one not in own]):
        raise BackupError(
            f"the host that these backups belong to is still up: {found} answers with its certificate. Shut it down first, or both "
            "would write to the same backups; then run this again"
        )


def where(addresses: Sequence[str], folder: Path = FOLDER, port: int = PORT) -> str:
    """Return the first of ADDRESSES at which one of the certificates below FOLDER is served, "" for none."""
    certificates = list(_certificates(folder))
    for address in addresses:
        for name, wanted in certificates:
            try:
                if _served(address, port, name) == wanted:
                    return address
            except ssl.SSLError:  # it serves other names
                continue
            except OSError:  # nobody is there
                break
    return ""


def _certificates(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield a name that each certificate is for, and the certificate itself."""
    for file in sorted(folder.glob(f"*/{CERTIFICATE}")):
        command = ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", str(file)]
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            found = re.search(r"DNS:([^\s,]+)", said)
            first = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", file.read_text(), re.DOTALL)
        except OSError:
            continue
        if found and first:
            yield found[1].replace("*", "www"), ssl.PEM_cert_to_DER_cert(first[0])


def _served(address: str, port: int, name: str) -> bytes:
    """Return the certificate that is served at an ADDRESS for NAME. Raises OSError."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # it is compared, whoever has signed it
    with (
        socket.create_connection((address, port), SECONDS) as plain,
        tls.wrap_socket(plain, server_hostname=name) as sock,
    ):
        return sock.getpeercert(binary_form=True) or b""
