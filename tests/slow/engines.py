# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the tests of Compose and Swarm share: the image of the sample app, images that stand in for the official ones of its
servers, made of the distribution's packages, and a registry of our own for all of them.

No registry can be reached where the tests run. The stand-ins keep to what the official images' pages document: the variables,
the folder /docker-entrypoint-initdb.d, the program that starts, and the user that it runs as.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import faults
import image_base
from helpers import Host

SERVERS = ("nginx", "postgresql", "redis-server", "ca-certificates")
PROGRAMS = "buildah podman crun netavark aardvark-dns nftables"
SLIM, PLAIN = "localhost/python:3.13-slim", "localhost/python:3.13-plain"
BASE = "localhost/python-and-servers:test"
OVERLAY = (
    '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n'
)
"""Where the storage is a file system in memory."""
REGISTRY = """\
version: 0.1
storage:
  filesystem: {rootdirectory: /var/lib/docker-registry}
http:
  addr: :5000
"""
"""Debian's own settings ask for a password."""
LIMITS = (
    '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]\npids_limit = 0\n'
    '[network]\ndefault_subnet = "10.99.0.0/16"\n'
)
"""For Podman: root of a test host can't raise limits, and its own network is Podman's usual one."""
ENTRY = r"""#!/bin/bash
# Stands in for the entry points of the official images of PostgreSQL and Redis.
set -Eeo pipefail
case "$1" in
postgres)
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$PGDATA" /var/run/postgresql
        chown -R postgres "$PGDATA" /var/run/postgresql
        chmod 700 "$PGDATA"
        exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        initdb --username postgres --pwfile <(cat "$POSTGRES_PASSWORD_FILE") $POSTGRES_INITDB_ARGS
        echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
        pg_ctl --wait --options "-c listen_addresses=''" start
        for file in /docker-entrypoint-initdb.d/*.sh; do
            if [ -x "$file" ]; then "$file"; else . "$file"; fi
        done
        pg_ctl --wait stop
    fi
    set -- "$@" -c listen_addresses='*'
    ;;
redis-server)
    if [ "$(id -u)" = 0 ]; then
        mkdir -p /data && cd /data && chown -R redis .
        exec setpriv --reuid redis --regid redis --clear-groups "$0" "$@"
    fi
    set -- "$@" --bind '*'
    ;;
esac
exec "$@"
"""
IMAGES = ("nginx", "postgres", "redis")
"""What the stand-in is called; it is one image, for each service says what it runs, but that of PostgreSQL."""
DESCRIPTION: dict[str, Any] = {
    **{key: value for key, value in faults.DESCRIPTION.items() if key != "shared_folders"},
    "environment": {"PROXY_HOPS": 1, "UPLOAD_FOLDER": "/tmp/uploads"},
    "redis": "local",
    "workers": 1,
    "health_timeout_seconds": 20,
    "watch_seconds": 0,
    "processes": {
        "worker": {"command": "flask worker"},
        "summary": {"command": "flask summary", "schedule": "minutely"},
    },
}


class Site(faults.App):
    """The sample app in a repository, and what is written down of it; `describe` says what its images and servers are."""

    description = DESCRIPTION

    def begin(self) -> None:
        """Make its folder a repository, and the code as it is the one that `restore` brings back."""
        (self.folder / ".gitignore").write_text("__pycache__\n")
        self.git("init", "--quiet")
        self.keep()

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        done = subprocess.run(
            ["git", "-C", str(self.folder), *who, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def render(self, target: str, to: Path, image: str, **changes: Any) -> str:
        """Write the app down for TARGET; return what was said."""
        self.describe(**changes)
        arguments = ["-e", f"target={target}", "-e", f"to={to}", "-e", f"image={image}"]
        return self.project.good("playbooks/render.yml", *arguments).output


def put(host: Host, place: str, text: str, mode: int = 0o644) -> None:
    """Write a file on HOST."""
    there = Path(f"/proc/{host.facts['pid']}/root{place}")
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_text(text)
    there.chmod(mode)


def copy(folder: Path, host: Host, place: str) -> None:
    """Copy FOLDER to a PLACE on HOST, as a person would with rsync."""
    there = f"/proc/{host.facts['pid']}/root{place}"
    subprocess.run(["mkdir", "-p", there], check=True)
    subprocess.run(["cp", "-a", f"{folder}/.", there], check=True)


def install(host: Host, more: str = "") -> None:
    """Install buildah and podman, and packages MORE, on HOST; their images are in memory.

    An overlay can't lie on the one that a test host is on, and without overlays each step of a build copies the whole image.
    """
    place = "/var/lib/containers"
    host.run(f"mkdir -p {place} && (mountpoint --quiet {place} || mount -t tmpfs tmpfs {place})")
    put(host, "/etc/containers/storage.conf", OVERLAY)
    put(host, "/etc/containers/containers.conf", LIMITS)
    host.run(f"apt-get install -qq -y --no-install-recommends {PROGRAMS} {more} >/dev/null 2>&1")


def bases(host: Host) -> None:
    """Give HOST the images that those of apps stand on."""
    for packages, name in ((image_base.SLIM, SLIM), (image_base.PLAIN, PLAIN)):
        image_base.to_host(host, image_base.tar("13", packages), name)


def server(host: Host, name: str) -> None:
    """Give HOST the image NAME, which stands in for the official ones of all servers, and BASE, which has a Python as well."""
    image_base.to_host(host, image_base.tar("13", (*image_base.SLIM, *SERVERS)), BASE)
    put(host, "/var/tmp/entry.sh", ENTRY, 0o755)
    path = "/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    host.run(
        f"set -e; c=$(buildah from {BASE}); buildah copy --quiet $c /var/tmp/entry.sh /entry.sh >/dev/null; "
        f"""buildah config --env PATH={path} --env LANG=C.UTF-8 --entrypoint '["/entry.sh"]' --cmd '["postgres"]' $c; """
        f"buildah commit --quiet $c {name} >/dev/null; buildah rm $c >/dev/null"
    )


def release_of(image: str) -> str:
    """Return what an IMAGE of `Site.image` calls its release."""
    return image.rpartition(":")[2]
