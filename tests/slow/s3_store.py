# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A real server of the S3 protocol on a host of its own: `rclone serve s3`, which checks signatures and speaks TLS."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import machine
from helpers import Host, wait_for

NAME = "store.internal"
KEY, SECRET = "AKIAHARBOUR", "sEcRetOfTheStore0123456789"
RCLONE = Path(sys.executable).with_name("rclone")
SERVE = (
    "/usr/local/bin/rclone serve s3 /srv/s3 --addr :443 --cert /root/store.crt --key /root/store.key "
    f"--auth-key {KEY},{SECRET} --no-checksum"
)
SETUP = f"""
set -e; cd /root
apt-get -qq update; apt-get -qq install --no-install-recommends openssl >/dev/null
request='openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30'
$request -subj /CN=Store -keyout ca.key -out ca.crt
$request -CA ca.crt -CAkey ca.key -subj /CN={NAME} -addext subjectAltName=DNS:{NAME} \
  -addext basicConstraints=critical,CA:FALSE -keyout store.key -out store.crt
"""


@contextmanager
def served(title: str, bucket: str) -> Iterator[tuple[Host, str]]:
    """Yield the host and its authority (PEM); the server has a BUCKET below /srv/s3."""
    with machine(title, "13", keep=False) as made:
        copy = ["podman", "cp", str(RCLONE), f"{made.name}:/usr/local/bin/rclone"]
        subprocess.run(copy, check=True, capture_output=True)
        made.run(f"{SETUP}mkdir -p /srv/s3/{bucket}\nsystemd-run --quiet --unit=s3 --property=Restart=always {SERVE}\n")
        wait_for(lambda: made.ok("ss -Hltn 'sport = :443' | grep -q ."), 60)
        yield made, made.run("cat /root/ca.crt")
