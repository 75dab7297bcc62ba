# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is on a host already and belongs to somebody else: users, units, folders, databases, sites, and who has the ports.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import left as app_left
from ansible_collections.slipway.flask.plugins.module_utils._nginx import foreign
from ansible_collections.slipway.flask.plugins.module_utils._postgres import places
from ansible_collections.slipway.flask.plugins.module_utils._python import uv_install
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, preview
from ansible_collections.slipway.flask.plugins.plugin_utils._preflight import taken
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known

App = Mapping[str, Any]
Facts = Mapping[str, str]

# POSIX sh, for root. Prints KEY=VALUE lines, and nginx's configuration with a bar before each line.
LOOK = r"""
PATH="$PATH:/usr/sbin:/sbin"; export PATH LC_ALL=C
for name in @NAMES@; do
  entry=$(getent passwd "$name") && echo "user:$name=$entry"
  getent group "$name" >/dev/null && echo "group:$name=yes"
  grep -qs "One instance runs one release: $name@" "/etc/systemd/system/$name@.service" && echo "unit:$name=yes"
  for path in /etc/systemd/system/$name@.service /etc/systemd/system/$name.service /usr/lib/systemd/system/$name@.service \
      /usr/lib/systemd/system/$name.service /lib/systemd/system/$name@.service /lib/systemd/system/$name.service \
      /etc/init.d/$name /etc/$name /run/$name /srv/$name; do
    [ -e "$path" ] && echo "path:$name:$path=yes"
  done
  [ -L "/srv/$name/current" ] && echo "serving:$name=yes"
  grep -qs 'host=@SOCKET@' "/etc/$name/environment" && echo "socket:$name=yes"
  sed -n "s|^.*//$name@\(.*\):5432/$name?.*passfile=/etc/slipway/passwords/$name\.pgpass.*|remote:$name=\1|p" \
    "/etc/$name/environment" 2>/dev/null | head -n 1
done
for name in @ACCOUNTS@; do entry=$(getent passwd "$name") && echo "account:$name=$entry"; done
for unit in /etc/systemd/system/*@.service; do
  name=$(sed -n 's/^# One instance runs one release: \(.*\)@<release>.service$/\1/p' "$unit" 2>/dev/null)
  [ -n "$name" ] || continue
  echo "app:$name=$(systemctl list-units --plain --no-legend --state=active "$name@*.service" | wc -l)"
  ls /etc/systemd/system/$name.*@* >/dev/null 2>&1 && echo "processes:$name=yes"
done
for file in /var/lib/slipway/removed/*.json; do
  [ -e "$file" ] && name=${file##*/} && echo "removed:${name%.json}=$(head -n 1 "$file")"
done
for file in /etc/slipway/previews/*.json; do
  [ -e "$file" ] && name=${file##*/} && printf '%s\n' "preview:${name%.json}=$(head -n 1 "$file")"
done
for path in @FOLDERS@; do
  [ -e "$path" ] || continue
  echo "real:$path=$(readlink -f "$path")"; echo "owner:$path=$(stat -L -c %U "$path")"
  [ -n "$(ls -A "$path")" ] && echo "full:$path=yes"
done
echo "packages=$(dpkg-query --show --showformat '${db:Status-Abbrev} ${binary:Package} ${Package}\n' 2>/dev/null |
  awk '$1 == "ii" {print $2; if ($3 != $2) print $3}' | tr '\n' ' ')"
for path in @PYTHONS@; do [ -x "$path" ] && echo "python:$path=yes"; done
uv=$(readlink -f @UV@) && [ -f "$uv" ] && [ -x "$uv" ] && echo "uv=$uv"
if command -v ss >/dev/null; then
  ss -Hltnp 'sport = :80 or sport = :443' 2>/dev/null | awk '
    {sub(/.*:/, "", $4); gsub(/[(),"=]/, " ", $6); split($6, part, " "); print $4, part[2], part[4]}' |
  while read -r port program pid; do
    unit=$(sed -n 's/^[0-9]*:[^:]*:.*\/\([^/][^/]*\)$/\1/p' "/proc/$pid/cgroup" | head -n 1)
    echo "port:$port=$program $unit"
  done
fi
command -v nginx >/dev/null && nginx -T 2>/dev/null | awk '
  /^# configuration file \// {skip = /\/(mime\.types|fastcgi\.conf|[a-z]+_params|[a-z]+-utf|koi-win):$|\/etc\/nginx\/slipway\//}
  !skip {print "|" $0}'
if command -v psql >/dev/null && getent passwd postgres >/dev/null; then
  (cd / && runuser -u postgres -- psql -XAtqc "
    SELECT 'database:' || datname || '=' || pg_get_userbyid(datdba) FROM pg_database
      WHERE NOT datistemplate AND datname <> 'postgres'
    UNION ALL SELECT 'superuser:' || rolname || '=yes' FROM pg_roles WHERE rolsuper
    UNION ALL SELECT 'hba=' || setting FROM pg_settings WHERE name = 'hba_file'" 2>/dev/null)
  grep -qsF 'Written by Ansible (slipway.flask)' /etc/postgresql/*/*/pg_hba.conf && echo cluster=own
fi
[ -e /etc/slipway/backup.json ] && echo backups=yes
[ -e /etc/slipway/metrics.json ] && echo metrics=yes
[ -e /etc/prometheus/slipway/alertmanager.yml ] && echo alerts=yes
[ -e /usr/local/share/slipway/dashboard/index.html ] && echo dashboard=yes
[ -e /etc/slipway/logs.json ] && echo logs=yes
echo "code=$(ls /var/cache/slipway/code 2>/dev/null | tr '\n' ' ')"
for path in @TARGETS@; do [ -d "$path" ] && echo "target:$path=yes"; done
if command -v mariadb >/dev/null && [ -S /run/mysqld/mysqld.sock ]; then
  (cd / && mariadb --no-defaults --user=root --socket=/run/mysqld/mysqld.sock -NBe "
    SELECT CONCAT('mariadb:', SCHEMA_NAME, '=', EXISTS(SELECT * FROM mysql.db d WHERE d.Db = SCHEMA_NAME AND d.User = SCHEMA_NAME
      AND d.Host = 'localhost' AND d.Create_priv = 'Y' AND d.Drop_priv = 'Y')) FROM information_schema.SCHEMATA
    UNION ALL SELECT CONCAT('login:', User, '=',
        JSON_VALUE(Priv, '\$.plugin') = 'unix_socket' AND JSON_VALUE(Priv, '\$.access') = 0)
      FROM mysql.global_priv WHERE Host = 'localhost'" 2>/dev/null)
fi
echo looked=yes
""".strip()


def script(apps: Sequence[App], targets: Sequence[str] = (), uv: str = "") -> str:
    """Return the shell script that tells what a host has where APPS (whole descriptions) would be, and which of TARGETS.

    TARGETS are the folders that its backups go to, UV is where uv would be.
    """
    words = {
        "@NAMES@": [app["name"] for app in apps],
        "@ACCOUNTS@": [name for app in apps for name in known.accounts(app)],
        "@FOLDERS@": [path for app in apps for path in app["writable_paths"]],
        "@PYTHONS@": [app["python"] for app in apps if app["python"].startswith("/")],
        "@TARGETS@": targets,
        "@UV@": [uv] if uv else [],
    }
    text = LOOK.replace("@SOCKET@", places.SOCKET_FOLDER)
    for mark, values in words.items():
        text = text.replace(mark, " ".join(map(shlex.quote, values)) or '""')
    return text


def missing_targets(targets: Sequence[str], facts: Facts) -> list[str]:
    """Return a sentence for each folder for backups that the host lacks: one that is not mounted would fill the host's own disk."""
    return [
        f"slipway_backups: there is no folder {path} on this host: mount or create it, then run this again"
        for path in targets
        if "looked" in facts and f"target:{path}" not in facts
    ]


def own(app: App, facts: Facts) -> bool:
    """Tell whether Slipway has set the app up on the host: by the unit that it wrote, or the user that it made."""
    name = app["name"]
    comment = facts.get(f"user:{name}", "").split(":")[4:5]
    return f"unit:{name}" in facts or comment == [f"Runs {name}"]


def foreign_sites(facts: Facts) -> list[foreign.File]:
    """Return the files with sites that nginx reads on the host and that Slipway has not written."""
    return foreign.read(facts.get("nginx", ""))


def waiting(apps: Sequence[App], facts: Facts) -> list[str]:
    """Return the names of the apps whose domains another site serves until their first release answers."""
    return [
        app["name"]
        for app in apps
        if app["adopt"]
        and f"serving:{app['name']}" not in facts
        and any(file.serving(_domains(app)) for file in foreign_sites(facts))
    ]


def uv(facts: Facts) -> str:
    """Return the version of uv that the host has where it is to be, "" for none."""
    return uv_install.version_of(Path(facts["uv"])) if "uv" in facts else ""


def remote(facts: Facts) -> dict[str, str]:
    """Return the address, as in a URL, of the database host that each app on the host works with now."""
    return {key.removeprefix("remote:"): facts[key] for key in facts if key.startswith("remote:")}


def problems(
    apps: Sequence[App], facts: Facts, challenge: str = "http-01", anew: str = "", roles: Collection[str] = ("web",),
    moved: str = "",
) -> list[str]:  # fmt: skip
    """Return what on the host is in the way of APPS, with the ways on.

    CHALLENGE is that of the role nginx_tls, ANEW the app that is to be set up although it was removed. ROLES are what the host
    is for (_fleet/hosts.py), MOVED is the app whose database was moved to another host.
    """
    found: list[str] = []
    runs, serves = bool({"web", "worker"} & set(roles)), "web" in roles
    for app in apps if "looked" in facts else ():
        texts = [*taken.left_behind(app, facts, moved), *taken.database(app, facts, own(app, facts))]
        texts += [
            *taken.removed(app, facts, own(app, facts), anew),
            *taken.names(app, facts, own(app, facts)),
            *taken.folders(app, facts),
            *taken.accounts(app, facts),
            *_python(app, facts),
            *(_sites(app, facts, challenge) if serves else ()),
        ] if runs else []  # fmt: skip
        if "db" in roles and not runs and app["database"] == "local":
            texts += taken.removed(app, facts, facts.get(f"database:{app['name']}") == app["name"], anew)
        found += [f"app '{app['name']}': {text}" for text in texts]
    of_nginx = [*taken.ports(facts), *_nginx(apps, facts)] if serves else []
    return [*found, *taken.cluster(apps, facts), *of_nginx]


def _domains(app: App) -> list[str]:
    return [*app["domains"], *app["redirect_domains"]]


def _python(app: App, facts: Facts) -> Iterator[str]:
    """Yield a sentence when the app's `python` is a path that leads nowhere, and no package could bring it."""
    path = app["python"]
    if path.startswith("/") and f"python:{path}" not in facts and not app["system_packages"]:
        yield f"there is no '{path}' on the host ('python'). Install it, or name its package in `system_packages`"


def _sites(app: App, facts: Facts, challenge: str) -> Iterator[str]:
    """Yield a sentence for each file of another's in which nginx serves a domain of the app."""
    for file in foreign_sites(facts):
        served = file.serving(_domains(app))
        if not served:
            continue
        what = f"nginx serves {', '.join(served)} from {file.path}, which Slipway did not write"
        others = [name for name in file.names if not any(foreign.matches(name, one) for one in _domains(app))]
        if f"serving:{app['name']}" in facts:
            yield f"{what}. The app already serves: remove that file and run `systemctl reload nginx`"
        elif not app["adopt"]:
            yield (
                f"{what}. Set `adopt: true` for the app, and that site goes on until the app's first release answers "
                "(docs/adopt.md), or remove the file yourself"
            )
        elif others:
            yield (
                f"{what}. It also serves {', '.join(others)}: add these to the app's `domains` or `redirect_domains`, or move "
                "them to a file of their own"
            )
        elif not file.stays:
            yield f"{what}. To be adopted, the site must be in a file of its own in /etc/nginx/sites-enabled: move it there"
        elif app["certificate"] == "acme" and challenge == "http-01":
            yield (
                f"{what}. The authority of `certificate: acme` would ask that site: give the app its present certificate "
                "with `certificate: provided`, and go over to acme once the app serves (docs/adopt.md)"
            )


def _nginx(apps: Sequence[App], facts: Facts) -> Iterator[str]:
    """Yield what nginx's new configuration would end or trip over beside the apps' domains."""
    domains = [domain for app in apps for domain in _domains(app)]
    own = foreign.OWN in facts.get("nginx", "")  # its nginx.conf is there: what it reads will be read
    for file in foreign_sites(facts):
        rest = [name for name in file.names if not file_serves(name, domains)]
        if rest and not file.stays and not own:
            yield (
                f"nginx serves {', '.join(rest)} from {file.path}, which is replaced or no longer read after provisioning. "
                "Move that site to a file of its own in /etc/nginx/sites-enabled"
            )
        defaults = sorted({port for port in file.defaults if port in ("80", "443")})
        if defaults and file.stays:
            yield (
                f"{file.path} has the default server of port {' and '.join(defaults)}, which Slipway sets up itself to "
                "refuse unknown hosts. Take `default_server` out of its `listen`"
            )


def left(apps: Sequence[App], facts: Facts, *, runs: bool) -> list[str]:
    """Return a sentence for each app that the host has and none of APPS is, of those that run, or of the others."""
    known = {app["name"] for app in apps} | {one["name"] for one in previews(apps, facts)}
    names = [key.removeprefix("app:") for key in facts if key.startswith("app:")]
    return [
        app_left.said(name, runs, f"processes:{name}" in facts)
        for name in names
        if name not in known and runs == (facts[f"app:{name}"] != "0")
    ]


def previews(apps: Sequence[App], facts: Facts) -> list[dict[str, Any]]:
    """Return the descriptions that the host keeps of its previews, but for those among APPS, and what is no description."""
    taken_names, found = {app["name"] for app in apps}, []
    for key in sorted(key for key in facts if key.startswith("preview:")):
        try:
            one = json.loads(facts[key])["description"]
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        name = key.removeprefix("preview:")
        known = isinstance(one, dict) and one.get("name") == name and preview.is_kept(one)
        if known and f"app:{name}" in facts and name not in taken_names:
            found += [] if description.problems([one]) else [one]
    return found


def file_serves(name: str, domains: Sequence[str]) -> bool:
    """Tell whether a server_name is that of one of the DOMAINS."""
    return any(foreign.matches(name, domain) for domain in domains)


def provisioned(apps: Sequence[App], facts: Facts) -> list[str]:
    """Return the names of those of APPS that Slipway has set up on the host."""
    return [app["name"] for app in apps if own(app, facts)]
