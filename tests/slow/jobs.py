# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app with workers under load, for the tests of what becomes of its jobs: its description, its senders, and its accounts."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app_folder import AppFolder
from helpers import Answer, Play, Project, wait_for

DOMAIN = "jobs.example.org"
QUEUES = ("celery", "rq")
BATCH = 50
PUMP_SECONDS = 0.5
TICK_SECONDS = 10
"""As in the app: beat, RQ's cron and a timer of systemd each send a tick in each so many seconds of the clock."""
PROCESSES: dict[str, dict[str, Any]] = {
    "celery": {
        "command": "celery -A celery_jobs worker -n $PROCESS_NAME@$RELEASE_ID --concurrency 2 --loglevel WARNING",
        "ready_seconds": 3,
    },
    "rq": {
        "command": "rq worker --path . --config rq_jobs --worker-class rq_worker.Worker jobs",
        "instances": 2,
    },
    "beat": {
        "command": "celery -A celery_jobs beat -s $STATE_DIRECTORY/beat --loglevel WARNING",
        "handover": "stop_first",
        "ready_seconds": 1,
    },
    "cron": {
        "command": "rq cron --path . --config rq_jobs rq_ticks",
        "handover": "stop_first",
        "ready_seconds": 1,
    },
    "tick": {"command": "python timer_tick.py", "schedule": f"*:*:0/{TICK_SECONDS}"},
}
DESCRIPTION: dict[str, Any] = {
    "name": "jobs",
    "domains": [DOMAIN],
    "wsgi": "app:app",
    "redis": "local",
    "redis_variables": {"CELERY_BROKER_URL": "queue"},
    "secrets": {"SECRET_KEY": "9f1c7a5be02d4c6f8a3e5d7b1c9f0e2b"},
    "release_commands": ["flask tables"],
    "watch_seconds": 2,
    "workers": 2,
    "processes": PROCESSES,
}


@dataclass(frozen=True)
class Account:
    """What became of the jobs of one queue during one fault: how many were sent, done, done more than once, and lost."""

    queue: str
    sent: int
    done: int
    doubled: int

    @property
    def lost(self) -> int:
        return self.sent - self.done

    def cells(self) -> tuple[str, ...]:
        return (self.queue, *map(str, (self.sent, self.done, self.doubled, self.lost)))


class Jobs(AppFolder):
    """The app's folder, what its description says, and what is on the host."""

    name, domain = "jobs", DOMAIN

    def __init__(self, folder: Path, project: Project) -> None:
        self.turn = 0
        self.off = set[int]()  # time slots in which the host was not there, or not whole
        super().__init__(folder, project, Path(__file__).parent / "jobs_app")

    def describe(self, processes: Mapping[str, Mapping[str, Any]] | None = None, **changes: Any) -> None:
        described = {**PROCESSES, **(processes or {})}
        app = {**DESCRIPTION, "processes": described, "source": {"path": str(self.folder)}, **changes}
        self.project.write({"slipway_apps": [app]})

    def change(self) -> None:
        """Make the next deploy a new release."""
        self.turn += 1
        (self.folder / "turn.txt").write_text(f"{self.turn}\n")

    def deployed(self) -> str:
        """Deploy a new release and return its id."""
        self.change()
        self.project.good("playbooks/deploy.yml")
        return self.current()

    def deploy(self) -> Play:
        self.change()
        return self.project.play("playbooks/deploy.yml")

    def answers(self) -> bool:
        return self.visitor().get("/").status == 200

    # ---- jobs ------------------------------------------------------------------------------------------------------

    def send(self, queue: str, names: list[str], seconds: float) -> Answer:
        fields = {"queue": queue, "jobs": " ".join(names), "seconds": str(seconds)}
        answer = self.visitor().post("/jobs", fields)
        assert answer.status == 202, f"{len(names)} jobs by {queue} got {answer.status}: {answer.text[:300]}"
        return answer

    def sql(self, ask: str) -> list[list[str]]:
        rows = self.host.psql(ask, "jobs", "jobs").splitlines()
        return [row.split("|") for row in rows if row]

    def done(self, fault: str, queue: str = "") -> int:
        ((count,),) = self.sql(f"select count(*) from effects where job like '{fault}-{queue}%'")
        return int(count)

    def account(self, fault: str, queue: str, sent: int) -> Account:
        rows = self.sql(f"select job, count(*) from runs where job like '{fault}-{queue}-%' group by job")
        assert len({job for job, _ in rows}) <= sent, "jobs that nobody sent"
        return Account(queue, sent, len(rows), sum(int(count) > 1 for _, count in rows))

    def releases(self, fault: str, queue: str) -> set[str]:
        """Return the releases whose workers did jobs of a fault."""
        return {row[0] for row in self.sql(f"select distinct release from runs where job like '{fault}-{queue}-%'")}

    def ticks(self, source: str) -> list[int]:
        """Return the time slots in which SOURCE has sent a tick, in order, once for each."""
        return [int(row[0]) for row in self.sql(f"select slot from ticks where source = '{source}' order by slot")]

    # ---- what runs --------------------------------------------------------------------------------------------------

    def units(self) -> list[str]:
        """Return the app's units that are not inactive, without its web and what its timer runs now."""
        listed = self.host.run("systemctl list-units --all --plain --no-legend 'jobs.*@*'").splitlines()
        there = [row.split()[0] for row in listed if row.split()[2] != "inactive"]
        return sorted(unit for unit in there if not re.match(r"jobs\.tick@.*\.service", unit))

    def wanted_units(self, release: str) -> list[str]:
        names = ["beat", "celery", "cron", "rq", "rq.2"]
        return sorted([*(f"jobs.{name}@{release}.service" for name in names), f"jobs.tick@{release}.timer"])

    def kill(self, *processes: str) -> None:
        """Kill the main process of each with SIGKILL, all at once."""
        units = " ".join(f"'jobs.{name}@{self.current()}.service'" for name in processes)
        self.host.run(f"for unit in {units}; do kill -9 $(systemctl show -p MainPID --value $unit); done")


class Senders:
    """Send jobs to each queue, in batches; `sent` counts those that the app has acknowledged.

    A job is called <fault>-<queue>-<number>.
    """

    def __init__(self, jobs: Jobs, fault: str) -> None:
        self.jobs, self.fault = jobs, fault
        self.sent, self.failures = dict.fromkeys(QUEUES, 0), list[str]()

    def send(self, queue: str, count: int, seconds: float, batch: int = BATCH, pause: float = 0) -> None:
        """Send COUNT jobs that take so many SECONDS each."""
        for first in range(0, count, batch):
            start = self.sent[queue]
            names = [f"{self.fault}-{queue}-{start + number}" for number in range(min(batch, count - first))]
            try:
                self.jobs.send(queue, names, seconds)
            except Exception as error:
                self.failures.append(f"{time.strftime('%X')} {type(error).__name__}: {error}")
                return  # nobody knows how many of them were sent
            self.sent[queue] += len(names)
            time.sleep(pause)

    def send_all(self, count: int, seconds: Mapping[str, float], **how: Any) -> None:
        """Send COUNT jobs to each queue, both at once."""
        with ThreadPoolExecutor() as pool:
            for queue in QUEUES:
                pool.submit(self.send, queue, count, seconds[queue], **how)

    @contextmanager
    def sending(self, count: int, seconds: Mapping[str, float], pause: float) -> Iterator[None]:
        """Send COUNT jobs to each queue one after the other while the block runs, and wait until all are sent."""
        with ThreadPoolExecutor() as pool:
            for queue in QUEUES:
                pool.submit(self.send, queue, count, seconds[queue], 1, pause)
            yield

    @contextmanager
    def in_flight(self, at_least: int, seconds: Mapping[str, float]) -> Iterator[None]:
        """Have each queue always full while the block runs, and send it AT_LEAST so many jobs in all."""
        over = threading.Event()

        def pump(queue: str) -> None:
            while not over.wait(PUMP_SECONDS):
                if self.sent[queue] - self.jobs.done(self.fault, f"{queue}-") < 2 * BATCH:
                    self.send(queue, BATCH, seconds[queue])

        with ThreadPoolExecutor() as pool:
            pumps = [pool.submit(pump, queue) for queue in QUEUES]
            try:
                yield
            finally:
                over.set()
        for one in pumps:
            one.result()
        for queue in QUEUES:
            self.send(queue, max(0, at_least - self.sent[queue]), seconds[queue])

    def all_done(self, seconds: float) -> list[Account]:
        """Wait until all jobs are done, but no longer than SECONDS, and return what became of them."""
        total = sum(self.sent.values())
        assert self.failures == [], self.failures[:3]
        with suppress(AssertionError):  # what is lost is in the account
            wait_for(lambda: self.jobs.done(self.fault) >= total, seconds, every=0.5)
        return [self.jobs.account(self.fault, queue, self.sent[queue]) for queue in QUEUES]
