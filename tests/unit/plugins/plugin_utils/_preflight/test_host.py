# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host has that is somebody else's: said before anything is changed, with ways on; what is ours is passed over."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app import left
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, preview
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import database
from ansible_collections.slipway.flask.plugins.plugin_utils._preflight import host, look
from app_descriptions import shop

OURS = {"unit:shop": "yes", "user:shop": "shop:x:998:998:Runs shop:/nonexistent:/usr/sbin/nologin"}
SITE = "# configuration file {path}:\nserver {{ {listen} server_name {names}; }}"
OLD = "/etc/nginx/sites-enabled/old"


def problems(facts: dict[str, str], challenge: str = "http-01", **changes: Any) -> list[str]:
    return host.problems([description.normalise(shop(**changes))], {"looked": "yes", **facts}, challenge)


def site(names: str = "shop.example.com", path: str = OLD, listen: str = "") -> dict[str, str]:
    return {"nginx": SITE.format(path=path, names=names, listen=listen)}


def test_a_bare_host_and_a_provisioned_one_have_no_problems() -> None:
    assert problems({}) == []
    provisioned = {
        **OURS, "group:shop": "yes", "path:shop:/etc/systemd/system/shop@.service": "yes", "path:shop:/etc/shop": "yes",
        "path:shop:/run/shop": "yes", "path:shop:/srv/shop": "yes", "database:shop": "shop", "cluster": "own", "hba": "/x",
        "owner:/var/lib/shop": "shop", "full:/var/lib/shop": "yes", "port:80": "nginx nginx.service",
        "port:443": "nginx nginx.service", "serving:shop": "yes", "nginx": "# configuration file /etc/nginx/nginx.conf:\nuser x;",
    }  # fmt: skip
    assert problems(provisioned, writable_paths=["/var/lib/shop"]) == []


def test_an_app_is_known_by_its_unit_or_by_its_users_comment() -> None:
    """A run may have been stopped between the two."""
    app = description.normalise(shop())
    for key, value in OURS.items():
        assert host.own(app, {key: value})
    assert not host.own(app, {"user:shop": "shop:x:112:120:MySQL Server,,,:/nonexistent:/bin/false"})
    half = {"user:shop": OURS["user:shop"], "path:shop:/etc/shop": "yes"}
    assert problems(half) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"user:shop": "shop:x:1000:1000::/home/shop:/bin/bash"}, "there is a user 'shop' already (uid 1000, /bin/bash)"),
        ({"user:shop": "shop:x:112:120:X:/nonexistent:/bin/false"}, "or set `adopt: true` if it is this app's own"),
        ({"group:shop": "yes"}, "there is a group 'shop' without a user of that name"),
        ({"path:shop:/etc/systemd/system/shop.service": "yes"}, "there is a service shop.service"),
        ({"path:shop:/usr/lib/systemd/system/shop@.service": "yes"}, "the name is another service's"),
        ({"path:shop:/etc/init.d/shop": "yes"}, "the name is another service's (/etc/init.d/shop)"),
        ({"path:shop:/etc/shop": "yes"}, "/etc/shop exists, and Slipway did not create it"),
        ({"path:shop:/srv/shop": "yes"}, "`mv /srv/shop /srv/shop.old`"),
        ({"path:shop:/run/shop": "yes"}, "/run/shop is another program's"),
        ({"database:shop": "shop", "hba": "/x"}, "the database 'shop' already exists, and Slipway did not create it"),
        ({"database:shop": "old", "hba": "/x"}, "GRANT \"shop\" TO \"old\""),
        ({"database:shop": "postgres", "superuser:postgres": "yes", "hba": "/x"}, "RENAME TO \"shop-old\""),
        ({"superuser:shop": "yes", "hba": "/x"}, "ALTER ROLE \"shop\" NOSUPERUSER"),
        ({"database:wiki": "wiki", "hba": "/x"}, "PostgreSQL on the host has the databases wiki"),
        ({"port:80": "apache2 apache2.service"}, "port 80 belongs to apache2 (apache2.service), and nginx needs it"),
        ({"port:443": "caddy session-3.scope"}, "port 443 belongs to caddy, and nginx needs it"),
        ({"port:80": "nginx docker-1a.scope"}, "port 80 belongs to nginx, and nginx needs it"),
        (site(), f"nginx serves shop.example.com from {OLD}, which Slipway did not write. Set `adopt: true`"),
        (site("*.example.com"), f"nginx serves shop.example.com from {OLD}"),
        ({**site(), "serving:shop": "yes"}, "The app already serves: remove that file"),
        (site("blog.example.com", "/etc/nginx/sites-enabled/default"), "replaced or no longer read after provisioning"),
        (site("blog.example.com", "/etc/nginx/nginx.conf"), "replaced or no longer read after provisioning"),
        (site("blog.example.com", "/etc/nginx/vhosts.d/blog.conf"), "replaced or no longer read after provisioning"),
        (site("blog.example.com", OLD, "listen 443 ssl default_server;"), "has the default server of port 443"),
    ],
)  # fmt: skip
def test_what_is_somebody_elses_is_said_with_a_way_on(facts: dict[str, str], said: str) -> None:
    (told,) = problems(facts)
    assert said in told


@pytest.mark.parametrize(
    "facts",
    [
        site("blog.example.com"),
        {
            "nginx": site("blog.example.com", "/etc/nginx/snippets/blog.conf")["nginx"]
            + "\n#/etc/nginx/slipway/sites/*.conf"
        },
        site("blog.example.com", OLD, "listen 8080 default_server;"),
        site("_", "/etc/nginx/sites-enabled/default", "listen 80 default_server;"),
        {"path:shop:/usr/lib/systemd/system/shop@.service": "yes", **OURS},
    ],
)
def test_what_is_in_nobodys_way_is_passed_over(facts: dict[str, str]) -> None:
    assert problems(facts) == []


@pytest.mark.parametrize(
    "facts",
    [
        site(),
        {"user:shop": "shop:x:112:120:X:/nonexistent:/bin/false", "path:shop:/run/shop": "yes"},
        {"path:shop:/etc/systemd/system/shop.service": "yes"},
        {"database:shop": "shop", "database:wiki": "wiki", "hba": "/x"},
    ],
)
def test_what_is_adopted_is_allowed(facts: dict[str, str]) -> None:
    assert problems(facts) != []
    assert problems(facts, adopt=True) == []


@pytest.mark.parametrize(
    ("facts", "changes", "said"),
    [
        (site("shop.example.com www.shop.example.com"), {}, "It also serves www.shop.example.com: add these"),
        (site(path="/etc/nginx/nginx.conf"), {}, "in a file of its own in /etc/nginx/sites-enabled"),
        (site(path="/etc/nginx/sites-enabled/default"), {}, "in a file of its own in /etc/nginx/sites-enabled"),
        (site(), {"certificate": "acme"}, "`certificate: provided`, and go over to acme"),
        ({"path:shop:/srv/shop": "yes"}, {}, "/srv/shop exists"),
        ({"user:shop": "shop:x:1000:1000::/home/shop:/bin/bash"}, {}, "there is a user 'shop' already"),
        ({"database:shop": "old", "hba": "/x"}, {}, "belongs to old"),
    ],
)
def test_what_can_not_be_adopted_is_said(facts: dict[str, str], changes: dict[str, Any], said: str) -> None:
    (told,) = problems(facts, adopt=True, **changes)
    assert said in told


def test_a_site_waits_only_for_the_first_release() -> None:
    apps = [
        description.normalise(shop(adopt=True)),
        description.normalise(shop(name="blog", domains=["blog.example.com"])),
    ]
    assert host.waiting(apps, site()) == ["shop"]
    assert host.waiting(apps, {**site(), "serving:shop": "yes"}) == []
    assert host.waiting(apps, {}) == []
    assert problems(site(), "dns-01", adopt=True, certificate="acme") == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, None),
        ({"owner:/data/x": "shop", "full:/data/x": "yes"}, None),
        ({"owner:/data/x": "root", "real:/data/x": "/data/x"}, None),
        ({"owner:/data/x": "root", "full:/data/x": "yes"}, "belongs to root on the host and is not empty"),
        ({"owner:/data/x": "blog"}, "Name a folder inside it, such as /data/x/shop"),
        ({"owner:/data/x": "shop", "real:/data/x": "/etc/cron.d"}, "leads to /etc/cron.d, which belongs to the system"),
    ],
)
def test_a_folder_that_is_somebody_elses_is_never_taken(facts: dict[str, str], said: str | None) -> None:
    told = problems(facts, writable_paths=["/data/x"])
    assert (told == []) if said is None else (said in told[0])


@pytest.mark.parametrize(
    ("facts", "packages", "refused"),
    [({}, [], True), ({}, ["python3.14"], False), ({"python:/opt/python3.14": "yes"}, [], False)],
)
def test_an_interpreter_that_is_not_there_is_known_before(
    facts: dict[str, str], packages: list[str], refused: bool
) -> None:
    assert bool(problems(facts, python="/opt/python3.14", system_packages=packages)) is refused


def test_the_script_runs_in_any_posix_shell_and_quotes_what_it_is_given() -> None:
    app = description.normalise(shop(writable_paths=["/no such; touch /tmp/x", "/usr/bin"], python="/bin/sh"))
    script = look.with_look(host.script([app]))
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    facts = look.read(done.stdout)
    assert done.stderr == ""
    if facts["uid"] == "0":
        assert (facts["looked"], facts["python:/bin/sh"], facts["owner:/usr/bin"]) == ("yes", "yes", "root")
        assert facts["full:/usr/bin"] == "yes"
        assert "dpkg" in facts["packages"].split() or not Path("/var/lib/dpkg/status").exists()


def test_an_app_that_left_the_list_is_named() -> None:
    apps = [description.normalise(shop())]
    assert host.left(apps, {"app:shop": "1"}, runs=True) == []
    both = {"app:blog": "2", "app:wiki": "0"}
    (running,), (ended,) = host.left(apps, both, runs=True), host.left(apps, both, runs=False)
    assert running == (
        "the app 'blog' is set up on the host but not in slipway_apps: its service runs, and site.yml would remove its site from "
        "nginx, so that its domains stop answering. Put it back on the list, which must have all apps of a host, or "
        "remove it with all its data: `ansible-playbook playbooks/remove.yml -e app=blog`. Or just stop it with "
        "`systemctl stop 'blog@*' && rm -f /etc/systemd/system/multi-user.target.wants/blog@*.service`; "
        "its secrets stay in /etc/blog"
    )
    assert (
        "'wiki' is set up on the host but not in slipway_apps: its service does not run, and site.yml removes its"
        in ended
    )
    assert ended.endswith("or remove it with all its data: `ansible-playbook playbooks/remove.yml -e app=wiki`")
    (more,) = host.left(apps, {"app:blog": "2", "processes:blog": "yes"}, runs=True)
    wants = "/etc/systemd/system/multi-user.target.wants"
    timers = "/etc/systemd/system/timers.target.wants/blog.*@*.timer"
    assert (
        f"`systemctl stop 'blog@*' 'blog.*@*' && rm -f {wants}/blog@*.service {wants}/blog.*@*.service {timers}`"
        in more
    )


GONE = '{"app": "shop", "by": "ann@laptop", "begun": "2026-11-26 14:05", "step": "%s"}'


@pytest.mark.parametrize(
    ("step", "more", "anew", "said"),
    [
        (
            "gone",
            {},
            "",
            "it was removed from this host 2026-11-26 14:05 UTC by ann@laptop, with its data. Take it out of",
        ),
        ("gone", {}, "blog", "or set it up again, with an empty database: site.yml -e anew=shop"),
        ("gone", {}, "shop", ""),
        ("gone", {"unit:shop": "yes"}, "", ""),
        (
            "stopped",
            {"unit:shop": "yes"},
            "shop",
            "has not finished: `ansible-playbook playbooks/remove.yml -e app=shop`",
        ),
    ],
)
def test_an_app_that_was_removed_is_not_brought_back_empty_unless_somebody_says_so(
    step: str, more: dict[str, str], anew: str, said: str
) -> None:
    facts = {"looked": "yes", "removed:shop": GONE % step, **more}
    found = host.problems([description.normalise(shop())], facts, anew=anew)
    assert len(found) == bool(said)
    assert said in "".join(found)


@pytest.mark.parametrize(
    ("roles", "more", "anew", "refused"),
    [
        (["db"], {}, "", True),
        (["db"], {}, "shop", False),
        (["db"], {"database:shop": "shop"}, "", False),  # it was set up anew since
        (["edge"], {}, "", False),  # the hosts behind it say so
    ],
)
def test_a_database_host_does_not_bring_a_removed_app_back_either(
    roles: list[str], more: dict[str, str], anew: str, refused: bool
) -> None:
    facts = {"looked": "yes", "cluster": "yes", "removed:shop": GONE % "gone", **more}
    found = host.problems([description.normalise(shop())], facts, anew=anew, roles=roles)
    assert [("it was removed from this host" in text) for text in found] == [True] * refused


def test_the_host_itself_knows_its_apps_by_their_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("blog", "# One instance runs one release: blog@<release>.service\n"), ("getty", "[Unit]\n")):
        (tmp_path / f"{name}@.service").write_text(text)
    monkeypatch.setattr(systemd, "UNITS", tmp_path)
    monkeypatch.setattr(systemd, "instances", lambda name: ["0001-a"])
    monkeypatch.setattr(systemd, "is_active", lambda unit: unit == "blog@0001-a.service")
    (told,) = left.left(["shop"])
    assert told == left.said("blog", True)
    assert left.left(["blog"]) == []
    (tmp_path / "blog.worker@0001-a.service").write_text("[Unit]\n")
    assert left.left(["shop"]) == [left.said("blog", True, True)]


REDIS_USER = "account:redis-shop-queue"


@pytest.mark.parametrize(
    ("redis", "comment", "refused"),
    [("local", "Redis shop-queue", False), ("local", "Somebody's", True), ("none", "Somebody's", False)],
)
def test_a_user_that_would_run_redis_and_is_somebody_elses_is_refused(redis: str, comment: str, refused: bool) -> None:
    facts = {**OURS, REDIS_USER: f"redis-shop-queue:x:990:990:{comment}:/nonexistent:/usr/sbin/nologin"}
    found = problems(facts, redis=redis)
    assert [text.partition(",")[0] for text in found] == [
        "app 'shop': there is a user 'redis-shop-queue' already (uid 990"
    ] * refused


def test_the_users_that_would_run_redis_are_looked_for() -> None:
    script = host.script([description.normalise(shop(redis="local"))])
    assert "for name in redis-shop-queue; do entry=" in script


def test_a_folder_for_backups_that_the_host_lacks_is_named() -> None:
    there = look.read("\n".join(["looked=yes", "target:/mnt/one=yes"]))
    assert host.missing_targets(["/mnt/one"], there) == []
    (told,) = host.missing_targets(["/mnt/one", "/mnt/two"], there)
    assert told == "slipway_backups: there is no folder /mnt/two on this host: mount or create it, then run this again"
    assert host.missing_targets(["/mnt/two"], {}) == [], "a host that could not be looked at"


def test_the_look_says_which_folders_for_backups_are_there(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", host.script([], [str(tmp_path), "/nowhere"])], capture_output=True, text=True, check=False
    )
    facts = look.read(done.stdout)
    assert (facts[f"target:{tmp_path}"], "target:/nowhere" in facts) == ("yes", False)


def test_the_look_says_which_uv_is_there(tmp_path: Path) -> None:
    def found(link: Path) -> str:
        done = subprocess.run(["sh", "-c", host.script([], uv=str(link))], capture_output=True, text=True, check=False)
        return host.uv(look.read(done.stdout))

    link, file = tmp_path / "bin/uv", tmp_path / "uv-0.13.8/bin/uv"
    assert (found(link), host.uv({})) == ("", "")
    for path in (link, file):
        path.parent.mkdir(parents=True)
    link.symlink_to("../uv-0.13.8/bin/uv")
    assert found(link) == "", "it leads nowhere"
    file.touch(mode=0o644)
    assert found(link) == "", "it can't be run"
    file.chmod(0o755)
    assert found(link) == "0.13.8"
    other = tmp_path / "uv"
    other.touch(mode=0o755)
    assert found(other) == "", "somebody else's has no version in its path"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""),
        ({"mariadb:shop": "1", "login:shop": "1", "mariadb:wiki": "0"}, ""),
        ({"mariadb:shop": "0"}, "the database shop exists, and shop@localhost has no privileges on all of it"),
        ({"login:shop": "0"}, "MariaDB's account shop@localhost exists, and does not log in by unix_socket"),
    ],
)
def test_a_name_that_somebody_else_has_in_mariadb_is_said_before_anything_is_changed(
    facts: dict[str, str], said: str
) -> None:
    assert [said in told for told in problems(facts, database="mariadb")] == [True] * bool(said)
    assert problems(facts) == []  # an app with a database in PostgreSQL


def test_a_preview_is_no_app_left_behind_and_stays_in_what_is_set_up_for_all() -> None:
    kept = preview.kept(shop(name="shop-x-1", domains=["x-1.preview.example.org"], certificate="self_signed"))
    facts = {
        "looked": "yes", "app:shop-x-1": "1", "app:blog": "1", "app:shop-y-2": "1",
        "preview:shop-x-1": json.dumps({"name": "shop-x-1", "description": kept}),
        "preview:shop-y-2": json.dumps({"name": "shop-y-2", "description": {**kept, "name": "shop-y-2", "domains": "; }"}}),
        "preview:broken": "{",
        "preview:gone": json.dumps({"name": "gone", "description": {**kept, "name": "gone"}}),
    }  # fmt: skip
    apps = [description.normalise(shop())]
    assert host.previews(apps, facts) == [kept]
    told = host.left(apps, facts, runs=True)
    assert len(told) == 2
    assert ["the app 'blog'" in told[0], "the app 'shop-y-2'" in told[1]] == [True, True]
    assert host.previews([description.normalise(kept)], facts) == []


def test_the_look_at_a_host_reads_previews_as_they_are(tmp_path: Path) -> None:
    """A shell's echo would take a backslash for more than that."""
    text = json.dumps({"description": {"headers": {"X": 'a "b" \\n c=d'}}})
    (tmp_path / "shop-x-1.json").write_text(f"{text}\n")
    script = host.script([]).replace("/etc/slipway/previews", str(tmp_path))
    lines = [row for row in script.splitlines() if row.startswith("for file in") and str(tmp_path) in row]
    start = script.index(lines[0])
    loop = script[start : script.index("done", start) + 4]
    said = subprocess.run(["sh", "-c", loop], capture_output=True, text=True, check=True).stdout
    assert look.read(said) == {"preview:shop-x-1": text}


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate": "provided", "certificate_file": "/home/ann/.ssh/config", "certificate_key_file": "/home/ann/.ssh/id_rsa"},
        {"client_ca_file": "/home/ann/.ssh/id_rsa"},
        {"source": {"path": "/home/ann"}},
        {"source": {"git": "https://evil.example/x.git"}},
        {"hooks": {"after_switch": "/home/ann/x.yml"}},
        {"secrets": {"SECRET_KEY": "0123456789abcdef0123456789abcdef"}},
        {"notifications": [{"url": "https://evil.example/"}]},
        {"deployers": ["ann"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_host_that_somebody_else_has_taken_over_names_no_file_of_the_controller(changes: dict[str, Any]) -> None:
    """What it keeps of its previews becomes part of what site.yml sets up: a key of the controller's would be sent to it."""
    app = shop(source={"git": "https://git.example.com/shop.git"}, preview={"domain": "*.p.example.org", "access": []})
    kept = preview.kept(preview.of([app], "shop", "x"))
    name = kept["name"]
    for one, found in ((kept, [kept]), ({**kept, **changes}, [])):
        facts = {f"app:{name}": "1", f"preview:{name}": json.dumps({"description": one})}
        assert host.previews([], facts) == found


@pytest.mark.parametrize(
    ("facts", "moved", "refused"),
    [
        ({"database:shop": "shop", "socket:shop": "yes"}, "", True),
        ({"database:shop": "shop", "socket:shop": "yes"}, "shop", False),
        ({"database:shop": "shop", "socket:shop": "yes"}, "blog", True),
        ({"database:shop": "shop"}, "", False),
        ({"socket:shop": "yes"}, "", False),
    ],
)
def test_data_on_a_host_is_not_left_behind_when_the_database_is_to_be_elsewhere(
    facts: dict[str, str], moved: str, refused: bool
) -> None:
    app = {**description.normalise(shop()), "database": "url", "database_host": "db1"}
    said = host.problems([app], {"looked": "yes", **OURS, "cluster": "own", **facts}, moved=moved)
    assert any("where it would be empty" in text and "-e moved=shop" in text for text in said) is refused
    assert host.problems([description.normalise(shop())], {"looked": "yes", **OURS, "cluster": "own", **facts}) == []


def test_a_database_host_is_asked_for_the_database_alone() -> None:
    theirs = {
        "looked": "yes",
        "user:shop": "shop:x:1000:1000:Ann:/home/ann:/bin/bash",
        "port:80": "apache2 apache2.service",
    }
    assert host.problems([description.normalise(shop())], theirs, roles=["db"]) == []
    assert len(host.problems([description.normalise(shop())], theirs)) == 2
    assert (
        "belongs to ann"
        in host.problems([description.normalise(shop())], {**theirs, "database:shop": "ann"}, roles=["db"])[0]
    )


@pytest.mark.parametrize(
    ("address", "told"),
    [("10.0.0.5", {"shop": "10.0.0.5"}), ("[fd00::5]", {"shop": "[fd00::5]"}), ("elsewhere.example.org", {})],
)
def test_the_look_at_a_host_tells_which_database_host_an_app_works_with(
    tmp_path: Path, address: str, told: dict[str, str]
) -> None:
    url = database.url("shop", "10.0.0.5").replace("10.0.0.5", address)
    if not told:
        url = url.replace("/etc/slipway/passwords", "/etc/shop")  # somebody's own server
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/environment").write_text(f"SECRET_KEY=x\nDATABASE_URL={url}\n")
    script = host.script([description.normalise(shop())]).replace(
        "/etc/$name/environment", f"{tmp_path}/$name/environment"
    )
    start = script.index("for name in")
    loop = script[start : script.index("\ndone", start) + 5]
    said = subprocess.run(["sh", "-c", loop], capture_output=True, text=True, check=True).stdout
    assert host.remote(look.read(said)) == told
