# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Two web hosts with one database on a third: what the app, its neighbours and a stranger get from it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import RELEASES, machine
from helpers import DISK, Host, Play, Project, Visitor, wait_for
from stock import image

pytestmark = pytest.mark.once("12")

DOMAIN = "shop.example.org"
WEB = ("web1", "web2")
CODE = """import os
import socket
from pathlib import Path

from flask import Flask, jsonify
from sqlalchemy import create_engine, text

WORD = "the first"
app = Flask(__name__)
engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True, pool_size=2)


@app.cli.command("make-tables")
def make_tables() -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, host text)"))
        connection.execute(text("CREATE TABLE IF NOT EXISTS migrations (word text PRIMARY KEY, host text)"))
        if not WORD.endswith(" first"):  # whose tables are to be empty
            row = {"word": WORD, "host": socket.gethostname()}
            connection.execute(text("INSERT INTO migrations VALUES (:word, :host) ON CONFLICT DO NOTHING"), row)


@app.get("/healthz")
def healthz() -> object:
    sick = Path("/opt/sick")
    return ("unwell", 500) if sick.exists() and sick.read_text().strip() == WORD else WORD


@app.post("/orders")
def order() -> object:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO orders (host) VALUES (:host)"), {"host": socket.gethostname()})
    return jsonify(ok=True)


@app.get("/orders")
def orders() -> object:
    with engine.connect() as connection:
        return jsonify(count=connection.execute(text("SELECT count(*) FROM orders")).scalar())


@app.get("/connection")
def connection() -> object:
    with engine.connect() as connection:
        row = connection.execute(text("SELECT ssl, version, pid FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).one()
        return jsonify(ssl=row.ssl, version=row.version, pid=row.pid)
"""


class Fleet(Project):
    """web1 and web2, whose database is on db1; a stranger in the same network."""

    def __init__(self, folder: Path, hosts: dict[str, Host]) -> None:
        super().__init__(folder, hosts["web1"])
        self.hosts = hosts
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "app.py").write_text(CODE)
        (self.code / "requirements.txt").write_text("flask>=3\nsqlalchemy>=2\npsycopg[binary]>=3.2\n")

    def describe(self, database: str = "db1") -> None:
        shop = {
            "name": "shop", "domains": [DOMAIN], "wsgi": "app:app", "source": {"path": str(self.code)},
            "secret_key_variable": "", "health_path": "/healthz", "watch_seconds": 0, "workers": 2, "threads": 2,
            "release_commands": [{"command": "flask make-tables"}],
        }  # fmt: skip
        inventory = {
            group: {"hosts": {name: self.hosts[name].reached for name in names}}
            for group, names in {"web": WEB, "db": [database]}.items()
        }
        (self.folder / "group_vars").mkdir(exist_ok=True)
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
        variables = {"slipway_baseline": False, "slipway_disk": DISK, "slipway_apps": [shop]}
        (self.folder / "group_vars/all.yml").write_text(yaml.safe_dump(variables, sort_keys=False))
        # The firewall is what a stranger meets first.
        of_database = {
            "slipway_baseline": True,
            "slipway_firewall": True,
            "slipway_ssh": {"manage": False},
            "slipway_bans": False,
        }
        (self.folder / "group_vars/db.yml").write_text(yaml.safe_dump(of_database))

    def ask(self, host: str, path: str, post: bool = False) -> Any:
        visitor = Visitor(self.hosts[host], DOMAIN)
        answer = visitor.post(path, {}) if post else visitor.get(path)
        assert answer.status == 200, f"{path} on {host} answered {answer.status}: {answer.text[:500]}"
        return yaml.safe_load(answer.text)

    def psql(self, host: str, options: str, user: str = "shop", statement: str = "SELECT 1", **more: str) -> Any:
        """Return how psql ends on HOST with a connection of OPTIONS, as the system user USER."""
        variables = " ".join(f"{name}={value}" for name, value in more.items())
        command = f"env {variables} PGCONNECT_TIMEOUT=4 psql -XAtw '{options}' -c \"{statement}\""
        return self.hosts[host].ask(f"cd / && runuser -u {user} -- {command}")

    def url(self, path: str = "shop", role: str = "shop", mode: str = "verify-full", ca: str = "") -> str:
        ca = ca or "/etc/slipway/identity/fleet.pem"
        return f"postgresql://{role}@{self.hosts['db1'].address}/{path}?sslmode={mode}&sslrootcert={ca}"

    @property
    def password(self) -> str:
        return self.hosts["db1"].run("cat /etc/slipway/passwords/shop.password")


@pytest.fixture(scope="module", params=RELEASES)
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with ExitStack() as stack:
        debian, stocked = request.param, image(request.param)
        hosts = {
            name: stack.enter_context(machine(f"dbh-{name}", debian, made_of=stocked))
            for name in (*WEB, "db1", "stranger")
        }
        made = Fleet(tmp_path_factory.mktemp("fleet"), hosts)
        made.describe()
        yield made
        shutil.rmtree(made.sockets, ignore_errors=True)


@pytest.fixture(scope="module")
def served(fleet: Fleet) -> Play:
    return fleet.good("site.yml")


@contextmanager
def orders(fleet: Fleet) -> Iterator[dict[str, list[str]]]:
    """Have orders sent to both hosts all the time; yield what failed, by host."""
    over, failures, sent = threading.Event(), {host: list[str]() for host in WEB}, dict.fromkeys(WEB, 0)

    def send(host: str) -> None:
        while not over.wait(0.05):
            sent[host] += 1
            try:
                fleet.ask(host, "/orders", post=True)
            except (AssertionError, OSError) as error:
                failures[host].append(f"{time.strftime('%X')} {error}")

    threads = [threading.Thread(target=send, args=(host,)) for host in WEB]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        time.sleep(1)
        over.set()
        for thread in threads:
            thread.join()
    assert min(sent.values()) > 10


def test_both_hosts_write_to_the_one_database(fleet: Fleet, served: Play) -> None:
    before = fleet.ask("web1", "/orders")["count"]
    for host in WEB:
        fleet.ask(host, "/orders", post=True)
    assert [fleet.ask(host, "/orders")["count"] for host in WEB] == [before + 2] * 2
    assert fleet.hosts["web1"].run("pg_lsclusters --no-header") == "", "a web host has no server of its own"
    assert not fleet.hosts["db1"].ok("ls /srv/shop /etc/shop /etc/nginx/sites-enabled/shop*"), (
        "a database host has no site"
    )


def test_a_second_run_changes_nothing_and_a_check_says_so(fleet: Fleet, served: Play) -> None:
    again = fleet.good("site.yml")
    assert again.count("changed") == 0, again.output
    checked = fleet.good("playbooks/provision.yml", "--check", "--diff")
    assert checked.count("changed") == 0, checked.output


def test_the_connection_is_encrypted_and_the_server_is_the_one_that_is_meant(fleet: Fleet, served: Play) -> None:
    assert fleet.ask("web1", "/connection")["ssl"] is True
    assert fleet.ask("web1", "/connection")["version"] == "TLSv1.3"
    passfile = "PGPASSFILE=/etc/slipway/passwords/shop.pgpass"
    name, _, value = passfile.partition("=")
    assert fleet.psql("web1", fleet.url(), **{name: value}).stdout.strip() == "1"
    own = "/etc/slipway/identity/ca.pem"  # web1's own authority has not signed db1's certificate
    refused = fleet.psql("web1", fleet.url(ca=own), **{name: value})
    assert refused.returncode != 0
    assert "certificate verify failed" in refused.stderr
    plain = fleet.psql("web1", fleet.url(mode="disable"), **{name: value})
    assert "no encryption" in plain.stderr


def test_the_password_is_in_no_log_no_url_and_no_file_but_its_own(fleet: Fleet, served: Play) -> None:
    password = fleet.password
    assert len(password) > 40
    again = fleet.good("playbooks/provision.yml", "--diff", "-vvv")
    assert password not in served.output + again.output
    for name, host in fleet.hosts.items():
        assert not host.ok(f"journalctl --no-pager | grep -qF '{password}'"), name
        found = host.ask(f"grep -rlF '{password}' /etc /srv /var/log /var/lib/slipway /run 2>/dev/null").stdout.split()
        own = {"db1": ["/etc/slipway/passwords/shop.password"], "stranger": []}
        assert found == own.get(name, ["/etc/slipway/passwords/shop.pgpass"]), name
    assert fleet.hosts["web1"].run("stat -c '%a %U' /etc/slipway/passwords/shop.pgpass") == "400 shop"
    assert fleet.hosts["db1"].run("stat -c '%a %U' /etc/slipway/passwords/shop.password") == "600 root"
    assert not fleet.hosts["db1"].ok("grep -rqF 'SCRAM-SHA-256$' /var/log/postgresql")


def test_an_app_host_gets_into_its_own_database_only(fleet: Fleet, served: Play) -> None:
    for path, role in (("postgres", "shop"), ("shop", "postgres"), ("template1", "shop")):
        refused = fleet.psql("web1", fleet.url(path, role), PGPASSWORD=fleet.password)
        assert "no pg_hba.conf entry" in refused.stderr, (path, role, refused.stderr)
    wrong = fleet.psql("web1", fleet.url(), PGPASSWORD="guessed")
    assert "password authentication failed" in wrong.stderr


def test_a_stranger_does_not_get_in_even_with_the_password(fleet: Fleet, served: Play) -> None:
    stranger, database = fleet.hosts["stranger"], fleet.hosts["db1"]
    stranger.run("id shop >/dev/null 2>&1 || useradd --system shop")
    url = fleet.url(mode="require", ca="/nowhere")
    dropped = fleet.psql("stranger", url, PGPASSWORD=fleet.password)
    assert "timeout expired" in dropped.stderr
    rules = database.run("nft list table inet slipway")
    assert "dport 5432" in rules
    assert stranger.address not in rules
    try:
        database.run("nft delete table inet slipway")
        refused = fleet.psql("stranger", url, PGPASSWORD=fleet.password)
        assert "no pg_hba.conf entry for host" in refused.stderr
    finally:
        database.run("systemctl restart slipway-firewall")
    assert "timeout expired" in fleet.psql("stranger", url, PGPASSWORD=fleet.password).stderr


def test_a_host_that_was_taken_over_cannot_speak_for_the_database(fleet: Fleet, served: Play) -> None:
    """web2 signs a certificate for db1's address with its own authority, which web1 may know: it is for web2 alone."""
    address = fleet.hosts["db1"].address
    folder = "/etc/slipway/identity"
    fleet.hosts["web2"].run(
        f"cd /root && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k -subj /CN=x -out r"
        f" && printf 'subjectAltName=IP:{address}\\n' > e"
        f" && openssl x509 -req -in r -CA {folder}/ca.pem -CAkey {folder}/ca.key -set_serial 1 -extfile e -days 9 -out forged.pem"
    )
    forged = fleet.hosts["web2"].run("cat /root/forged.pem")
    authority = fleet.hosts["web2"].run(f"cat {folder}/ca.pem")
    said = fleet.hosts["web1"].ask(
        f"printf '%s\\n' '{authority}' > /root/a && printf '%s\\n' '{forged}' > /root/f"
        f" && openssl verify -partial_chain -trusted /root/a -verify_ip {address} /root/f"
    )
    assert said.returncode != 0
    assert "permitted subtree violation" in said.stderr + said.stdout


def test_a_restart_of_postgresql_loses_only_what_is_under_way(fleet: Fleet, served: Play) -> None:
    with orders(fleet) as failures:
        time.sleep(1)
        fleet.hosts["db1"].run("systemctl restart postgresql")
        wait_for(lambda: all(_well(fleet, host) for host in WEB), seconds=30)
        time.sleep(1)
        after = {host: len(found) for host, found in failures.items()}
        time.sleep(3)
        assert {host: len(found) for host, found in failures.items()} == after, failures
    print(f"restart of PostgreSQL: failed orders {after}")


def _well(fleet: Fleet, host: str) -> bool:
    try:
        return bool(fleet.ask(host, "/orders"))
    except AssertionError:
        return False


def test_the_host_renews_its_certificate_without_a_lost_connection(fleet: Fleet, served: Play) -> None:
    certificate = "openssl s_client -starttls postgres -connect {} </dev/null 2>/dev/null | openssl x509 -noout -serial"
    look = certificate.format(f"{fleet.hosts['db1'].address}:5432")
    shown = fleet.hosts["web1"].run(look)
    kept = fleet.ask("web1", "/connection")
    with orders(fleet) as failures:
        fleet.hosts["db1"].run("slipway-identity renew --force")
        wait_for(lambda: fleet.hosts["web1"].run(look) != shown, seconds=15)
        time.sleep(1)
    assert failures == {host: [] for host in WEB}
    assert kept["ssl"]
    assert fleet.hosts["db1"].ok("systemctl is-active slipway-identity.timer")


def test_all_authorities_are_replaced_without_a_lost_request(fleet: Fleet, served: Play) -> None:
    before = {name: fleet.hosts[name].run("cat /etc/slipway/identity/ca.pem") for name in (*WEB, "db1")}
    with orders(fleet) as failures:
        fleet.good("playbooks/provision.yml", "-e", "host_identity_rotate=true")
    assert failures == {host: [] for host in WEB}
    after = {name: fleet.hosts[name].run("cat /etc/slipway/identity/ca.pem") for name in (*WEB, "db1")}
    assert not set(before.values()) & set(after.values())
    for _ in range(2):  # the next run takes the old ones out of the others' lists
        settled = fleet.good("playbooks/provision.yml")
    assert settled.count("changed") == 0, settled.output
    for host in WEB:
        fleet.hosts[host].run("systemctl restart 'shop@*'")  # with nothing but new connections
        wait_for(lambda host=host: _well(fleet, host), seconds=20)


def test_a_run_limited_to_one_host_asks_the_others_for_what_it_needs(fleet: Fleet, served: Play) -> None:
    fleet.hosts["web2"].run("rm /etc/slipway/passwords/shop.pgpass /etc/slipway/identity/fleet.pem")
    fleet.good("playbooks/provision.yml", "--limit", "web2")
    fleet.hosts["web2"].run("systemctl restart 'shop@*'")
    wait_for(lambda: _well(fleet, "web2"), seconds=20)
    assert fleet.good("playbooks/provision.yml").count("changed") == 0


def test_the_database_is_asked_and_guarded_where_it_is(fleet: Fleet, served: Play) -> None:
    told = fleet.good("playbooks/queries.yml", "-e", "app=shop").output
    assert "shop on db1" in told
    assert "shop on web" not in told
    assert "INSERT INTO orders" in told
    refused = fleet.play("playbooks/upgrade_database.yml", "-e", "yes=true")
    assert refused.code != 0
    assert "db1: nothing was changed: web1, web2 depend on its PostgreSQL" in " ".join(refused.output.split())
    misspelt = fleet.play("playbooks/provision.yml", "-e", "standby=new")
    assert misspelt.code != 0
    assert "standby is 'new'; it must be anew" in misspelt.output
    assert misspelt.count("changed") == 0
    fleet.describe(database="stranger")
    empty = fleet.play("site.yml")
    fleet.describe()
    assert empty.code != 0
    address = fleet.hosts["db1"].address
    assert f"app 'shop': its data is in the database at {address}, which web1 uses; stranger, which" in empty.output
    assert "-e moved=shop" in empty.output
    assert empty.count("changed") == 0


def test_a_new_password_needs_no_restart_of_the_app(fleet: Fleet, served: Play) -> None:
    old, pids = fleet.password, fleet.hosts["web1"].run("pgrep -u shop gunicorn | head -1")
    fleet.hosts["db1"].run("rm /etc/slipway/passwords/shop.password")
    fleet.good("playbooks/provision.yml")
    assert fleet.password != old
    fleet.hosts["db1"].psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'")
    assert all(_well(fleet, host) for host in WEB)
    assert fleet.hosts["web1"].run("pgrep -u shop gunicorn | head -1") == pids
    refused = fleet.psql("web1", fleet.url(), PGPASSWORD=old)
    assert "password authentication failed" in refused.stderr


def test_the_first_host_migrates_for_all_while_orders_come_in(fleet: Fleet, served: Play) -> None:
    web1, web2 = (fleet.hosts[host] for host in WEB)
    migrated = "SELECT host FROM migrations WHERE word = '{}'"

    def deploy(word: str) -> Play:
        (fleet.code / "app.py").write_text(CODE.replace("the first", word))
        return fleet.play("playbooks/deploy.yml")

    with orders(fleet) as failures:
        done = deploy("the second")
        web2.run("echo the third > /opt/sick")
        refused = deploy("the third")
    assert failures == {host: [] for host in WEB}
    assert done.code == 0, done.output
    assert (refused.code != 0, "unwell" in refused.output or "500" in refused.output) == (True, True), refused.output
    for word in ("the second", "the third"):  # it came before anything was known to be sick
        assert fleet.hosts["db1"].psql(migrated.format(word), "shop") == web1.run("hostname"), word
    assert [Visitor(fleet.hosts[host], DOMAIN).get("/healthz").text for host in WEB] == ["the second"] * 2


def test_an_app_goes_with_its_database_on_the_other_host(fleet: Fleet, served: Play) -> None:
    """Last, for nothing of it is left."""
    database, exports = fleet.hosts["db1"], fleet.folder / "exports"
    remove = ("playbooks/remove.yml", "-e", "app=shop", "-e", f"to={exports}")
    count = fleet.ask("web1", "/orders")["count"]
    one = fleet.play(*remove, "-e", "yes=true", "--limit", "db1")
    assert one.code != 0
    assert "web1, web2 may still use its database: run this without --limit" in " ".join(one.output.split()), one.output
    assert fleet.ask("web1", "/orders")["count"] == count

    done = fleet.good(*remove, "-e", "yes=true")
    for text in ("PostgreSQL's database shop", "PostgreSQL's role shop", "access to it from"):
        assert text in done.output, done.output
    (dump,) = exports.glob("*.dump")
    assert dump.stat().st_size > 1000
    assert database.psql("SELECT count(*) FROM pg_database WHERE datname = 'shop'") == "0"
    assert database.psql("SELECT count(*) FROM pg_roles WHERE rolname = 'shop'") == "0"
    assert database.psql("SELECT count(*) FROM pg_hba_file_rules WHERE 'shop' = ANY (user_name)") == "0"
    assert not database.ok("ls /etc/slipway/passwords/shop.password")
    for rules in (database.run("nft list table inet slipway"), database.run("cat /etc/slipway/firewall.nft")):
        assert "dport 5432" not in rules
    assert not any(fleet.hosts[host].ok("ls /srv/shop /etc/slipway/passwords/shop.pgpass") for host in WEB)
    again = fleet.play("site.yml")
    assert again.code != 0
    assert again.output.count("it was removed from this host") == 3, again.output
