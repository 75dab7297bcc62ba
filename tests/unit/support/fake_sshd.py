# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An sshd that says with -T what holds, by the rules of sshd_config(5), and nothing else that sshd does."""

from __future__ import annotations

import sys

SSHD = r"""#!PYTHON -SEI
import glob, shlex, sys

DEFAULTS = '''DEFAULTS_TEXT'''
ADDS_UP = ("port", "listenaddress", "hostkey", "allowusers", "denyusers")
found, listens = {}, []


def take(keyword, words):
    if keyword in ADDS_UP:
        found.setdefault(keyword, []).extend(words)
    elif keyword not in found:
        found[keyword] = [" ".join(words)]


def read(path, active):
    for number, line in enumerate(open(path), 1):
        words = shlex.split(line.replace("=", " "), comments=True)
        if not words:
            continue
        keyword, rest = words[0].lower(), words[1:]
        if keyword == "include":
            for pattern in rest:
                for name in sorted(glob.glob(pattern)):
                    read(name, active)
        elif keyword == "match":
            active = False
        elif keyword == "bad":
            sys.exit(f"{path} line {number}: Bad configuration option: bad")
        elif active:
            take(keyword, rest)


arguments = sys.argv[1:]
main = arguments[arguments.index("-f") + 1] if "-f" in arguments else ""
for flag, value in zip(arguments, arguments[1:]):
    if flag == "-o":
        take(value.split("=")[0].lower(), [value.split("=")[1]])
    elif flag == "-p":
        found["port"] = [value]
given_port = "port" in found
if main and main != "/dev/null":
    ports = list(found.get("port", []))
    read(main, True)
    if given_port:
        found["port"] = ports
defaults = {}
for line in DEFAULTS.splitlines():
    if line.strip():
        keyword, _, value = line.strip().partition(" ")
        defaults.setdefault(keyword, []).append(value)
for keyword, values in defaults.items():
    found.setdefault(keyword, values)
found.setdefault("port", ["22"])
addresses = found.pop("listenaddress", ["0.0.0.0", "[::]"])
found["listenaddress"] = [
    one if one.rpartition(":")[2].isdigit() and (one.count(":") == 1 or "]:" in one) else f"{one}:{port}"
    for one in addresses for port in found["port"]
]
for keyword, values in found.items():
    for value in values:
        print(keyword, value)
"""

DEBIAN_12 = """
permitrootlogin without-password
maxauthtries 6
passwordauthentication yes
kbdinteractiveauthentication yes
pubkeyauthentication yes
permitemptypasswords no
hostbasedauthentication no
allowagentforwarding yes
allowtcpforwarding yes
allowstreamlocalforwarding yes
x11forwarding no
authenticationmethods any
logingracetime 120
maxstartups 10:30:100
persourcemaxstartups none
persourcenetblocksize 32:128
clientaliveinterval 0
clientalivecountmax 3
loglevel INFO
requiredrsasize 1024
kexalgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group16-sha512
ciphers chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com,aes256-cbc
macs umac-64-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha1,hmac-sha2-256
hostkeyalgorithms ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256
hostkey HOST_KEYS/ssh_host_rsa_key
hostkey HOST_KEYS/ssh_host_ecdsa_key
hostkey HOST_KEYS/ssh_host_ed25519_key
"""
DEBIAN_13 = (
    DEBIAN_12.replace("kexalgorithms ", "kexalgorithms mlkem768x25519-sha256,") + "persourcepenaltyexemptlist none\n"
)
OLD = DEBIAN_12.replace("sntrup761x25519-sha512@openssh.com,", "")


def sshd(defaults: str, keys: str) -> str:
    """Return the text of a program that is an sshd with such DEFAULTS; its host keys are in the folder KEYS."""
    return SSHD.replace("PYTHON", sys.executable).replace("DEFAULTS_TEXT", defaults.replace("HOST_KEYS", keys))
