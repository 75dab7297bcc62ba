# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Two database hosts of which one is the other's standby, and whoever writes to them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Self

import yaml
from helpers import DISK, Host, Project, Visitor

DOMAIN = "shop.example.org"
CODE = """import os

from flask import Flask, request
from sqlalchemy import create_engine, text

app = Flask(__name__)
engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True, pool_size=2, connect_args={"connect_timeout": 3})


@app.cli.command("make-tables")
def make_tables() -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS orders (number int PRIMARY KEY)"))


@app.get("/healthz")
def healthz() -> str:
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT count(*) FROM orders")).scalar())


@app.post("/orders")
def order() -> str:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO orders (number) VALUES (:number)"), {"number": int(request.form["number"])})
    return "taken"
"""


SOON = {"ansible_ssh_extra_args": "-o ConnectTimeout=5"}
"""A host that is gone is not waited for."""


class Servers(Project):
    """db1 and db2, and with WEB a host whose app has its database there."""

    def __init__(self, folder: Path, hosts: dict[str, Host]) -> None:
        super().__init__(folder, hosts["db1"])
        self.hosts = hosts
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "app.py").write_text(CODE)
        (self.code / "requirements.txt").write_text("flask>=3\nsqlalchemy>=2\npsycopg[binary]>=3.2\n")

    def describe(self, standbys: dict[str, str], without: str = "", **variables: Any) -> None:
        """Write the inventory: STANDBYS by their primaries' names; VARIABLES are for all hosts."""
        shop = {
            "name": "shop", "domains": [DOMAIN], "wsgi": "app:app", "source": {"path": str(self.code)},
            "secret_key_variable": "", "health_path": "/healthz", "watch_seconds": 0, "workers": 1, "threads": 4,
            "release_commands": [{"command": "flask make-tables"}],
        }  # fmt: skip
        groups: dict[str, Any] = {}
        for name in self.hosts:
            if name != without:
                more = {"slipway_database": {"standby_of": standbys[name]}} if name in standbys else {}
                group = groups.setdefault("web" if name.startswith("web") else "db", {"hosts": {}})
                group["hosts"][name] = {**self.hosts[name].reached, **SOON, **more}
        (self.folder / "group_vars").mkdir(exist_ok=True)
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(groups))
        every = {"slipway_baseline": False, "slipway_disk": DISK, "slipway_apps": [shop], **variables}
        (self.folder / "group_vars/all.yml").write_text(yaml.safe_dump(every, sort_keys=False))

    def sql(self, host: str, statement: str, database: str = "shop") -> str:
        return self.hosts[host].psql(statement, database)

    def takes_writes(self, host: str) -> bool:
        return self.hosts[host].ok("pg_isready -q") and self.sql(host, "select pg_is_in_recovery()", "postgres") == "f"

    def streams(self, host: str) -> bool:
        """Tell whether HOST receives what its primary writes."""
        return self.sql(host, "select status from pg_stat_wal_receiver", "postgres") == "streaming"

    def orders(self, host: str) -> set[int]:
        return {int(line) for line in self.sql(host, "select number from orders").split()}

    def promote(self, host: str, *more: str) -> Any:
        return self.play("playbooks/promote.yml", "-e", f"host={host}", *more)


class Orders:
    """Orders to the app's site all the time: which it took, and when it did not take one."""

    def __init__(self, host: Host) -> None:
        self.visitor = Visitor(host, DOMAIN)
        self.taken, self.refused = set[int](), list[float]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._over.wait(0.02):
            number += 1
            try:
                status = self.visitor.post("/orders", {"number": str(number)}).status
            except OSError:
                status = 0
            if status == 200:
                self.taken.add(number)
            else:
                self.refused.append(time.monotonic())

    @property
    def outage(self) -> float:
        """Seconds between the first and the last order that was not taken."""
        return self.refused[-1] - self.refused[0] if self.refused else 0.0
