# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Jobs of Celery and of RQ, whatever happens to the app, its workers and its Redis: none lost, none done twice without need.

Both queues promise that a job is done at least once. So where processes end in their own time (deploys, rollbacks) each job
must be done exactly once; where one is killed, those that it was at are done again, and no others.

The tests run in the file's order on one host; the releases that must not come in are last.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from faults import JOBS
from helpers import Host, Project, wait_for
from jobs import QUEUES, TICK_SECONDS, Account, Jobs, Senders
from load import Load, Seen

pytestmark = pytest.mark.once("12")

DEPLOYS = 3
IN_FLIGHT = 1000
"""So many jobs are sent to each of both queues, at least."""


@pytest.fixture(scope="module")
def jobs(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    made = Jobs(tmp_path_factory.mktemp("app") / "jobs", project)
    project.good("site.yml")
    return made


@pytest.fixture
def readers(jobs: Jobs) -> Iterator[Seen]:
    """What visitors of the app meet during one test."""
    load = Load(jobs, pages=("/",))  # type: ignore[arg-type]
    load.start()
    with load.window() as seen:
        yield seen
    load.stop()


@pytest.fixture
def senders(jobs: Jobs, request: pytest.FixtureRequest) -> Senders:
    return Senders(jobs, request.node.originalname.removeprefix("test_"))


def told(fault: str, host: Host, accounts: list[Account], in_hand: int = 0) -> None:
    """Add what became of the jobs to the table of jobs, and require that none was lost, but for IN_HAND of Celery's."""
    JOBS.extend((fault, host.debian, *account.cells()) for account in accounts)
    assert [account for account in accounts if account.lost > (in_hand if account.queue == "celery" else 0)] == []


def settled(jobs: Jobs) -> None:
    """Wait until the live release has its processes, all of them, and no other release has any."""
    wanted = jobs.wanted_units(jobs.current())
    wait_for(lambda: jobs.units() == wanted, seconds=60)


@pytest.mark.fault("2,000 jobs over three deploys and a rollback")
def test_deploys(jobs: Jobs, host: Host, senders: Senders, readers: Seen) -> None:
    """Those that take longer than a deploy are finished by the release that began them."""
    releases = [jobs.current()]
    for queue in QUEUES:
        senders.send(queue, 1, 15)
    with senders.in_flight(IN_FLIGHT, {"celery": 0.2, "rq": 0.1}):
        for _ in range(DEPLOYS):
            releases.append(jobs.deployed())
        jobs.project.good("playbooks/rollback.yml")
    assert jobs.current() == releases[-2]
    accounts = senders.all_done(seconds=300)
    told("three deploys and a rollback", host, accounts)
    assert [account.doubled for account in accounts] == [0, 0]
    for queue in QUEUES:
        assert jobs.releases(senders.fault, queue) == set(releases), "each release's workers did some"
    settled(jobs)
    readers.all_served()


@pytest.mark.fault("workers killed")
def test_killed_workers(jobs: Jobs, host: Host, senders: Senders, readers: Seen) -> None:
    """What a killed worker was at is done by another one; only that is done again.

    All of them are at jobs that take long: Celery loses one that its worker is just taking (docs/jobs.md).
    """
    for queue in QUEUES:
        senders.send(queue, 2, 10)
    senders.send_all(100, {"celery": 0.05, "rq": 0.02})
    wait_for(lambda: (asked(host, "hlen unacked"), asked(host, "zcard rq:wip:jobs")) == ("2", "2"), seconds=8)
    # As one that is killed while it cleans up after others leaves RQ's lock, once in some runs by itself.
    asked(host, "set rq:clean_registries:jobs 1 EX 899")
    jobs.kill("celery", "rq")
    accounts = senders.all_done(seconds=300)
    told("workers killed (SIGKILL)", host, accounts)
    assert all(account.doubled <= at for account, at in zip(accounts, [2, 1], strict=True)), accounts
    settled(jobs)
    readers.all_served()


@pytest.mark.fault("Redis killed")
def test_killed_redis(jobs: Jobs, host: Host, senders: Senders, readers: Seen) -> None:
    """It comes back with all that it had acknowledged; visitors who send jobs meanwhile wait a moment.

    Celery takes a job off its list (BRPOP) before it writes down that it has it: the one that is in between when Redis is
    killed is lost by Celery itself (docs/redis.md).
    """
    with senders.sending(60, {"celery": 0.05, "rq": 0.02}, pause=0.05):
        time.sleep(2)
        host.run(f"kill -9 {redis(host)}")
    accounts = senders.all_done(seconds=300)
    told("Redis killed (SIGKILL)", host, accounts, in_hand=1)
    settled(jobs)
    readers.all_served()


def asked(host: Host, command: str) -> str:
    """Return what the Redis of the queues answers to a COMMAND."""
    return host.run(f"redis-cli -s /run/slipway-redis/jobs-queue/redis.sock {command}").strip()


def redis(host: Host) -> str:
    """Return the process id of the app's Redis."""
    return host.run("pgrep --exact redis-server").split()[0]


@pytest.mark.fault("reboot with jobs in the queue")
def test_reboot(jobs: Jobs, host: Host, senders: Senders) -> None:
    senders.send_all(150, {"celery": 0.1, "rq": 0.1})
    before, began = jobs.current(), time.time()
    host.stop()
    host.up()
    jobs.restore()  # a restarted look-alike has another address
    wait_for(jobs.answers, seconds=60)
    settled(jobs)
    jobs.off |= set(range(int(began // TICK_SECONDS), int(time.time() // TICK_SECONDS) + 1))
    assert jobs.current() == before
    accounts = senders.all_done(seconds=300)
    told("reboot", host, accounts)
    assert [account.doubled for account in accounts] == [0, 0], "they were stopped in their own time"
    settled(jobs)


SINKS = """
import os
import threading

threading.Timer({seconds}, lambda: (print("sunk", flush=True), os._exit(7))).start()
"""


def crashes_at_start(jobs: Jobs) -> None:
    (jobs.folder / "rq_worker.py").write_text("raise SystemExit('no queue today')\n")


def ends_after_three_seconds(jobs: Jobs) -> None:
    with (jobs.folder / "rq_worker.py").open("a") as code:
        code.write(SINKS.format(seconds=3))


def ends_after_the_switch(jobs: Jobs) -> None:
    """By then beat and RQ's cron have been handed over, and have to go back as well."""
    with (jobs.folder / "rq_worker.py").open("a") as code:
        code.write(SINKS.format(seconds=8))
    jobs.describe(watch_seconds=15)


def has_no_memory(jobs: Jobs) -> None:
    """As the kernel does it to a process above memory_max_mb, which the test hosts' kernel can't limit."""
    with (jobs.folder / "rq_worker.py").open("a") as code:
        code.write(
            "\nimport os\nimport signal\nprint('out of memory', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
        )


REFUSED: list[tuple[Callable[[Jobs], None], list[str]]] = [
    (crashes_at_start, ["no queue today"]),
    (ends_after_three_seconds, ["it must run for 5 s", "sunk"]),
    (ends_after_the_switch, ["after the switch, rq failed", "ended and had to be restarted", "sunk"]),
    (has_no_memory, ["out of memory"]),
]


@pytest.mark.fault("release whose worker does not run")
@pytest.mark.parametrize(("spoil", "said"), REFUSED, ids=[spoil.__name__ for spoil, _ in REFUSED])
def test_worker_that_does_not_run_keeps_the_old_release(
    jobs: Jobs, host: Host, readers: Seen, spoil: Callable[[Jobs], None], said: list[str]
) -> None:
    before = jobs.current()
    spoil(jobs)
    failed = jobs.deploy()
    jobs.restore()
    assert failed.code != 0
    assert re.search(r"jobs\.rq(\.2)?@", failed.output), failed.output  # whichever instance ended first
    for text in said:
        assert text in failed.output, failed.output
    assert jobs.current() == before
    settled(jobs)
    senders = Senders(jobs, spoil.__name__)
    senders.send_all(5, dict.fromkeys(QUEUES, 0.01))
    assert [account.lost for account in senders.all_done(seconds=300)] == [0, 0]
    readers.all_served()


@pytest.mark.fault("ticks of schedules over all of these")
@pytest.mark.parametrize("source", ["beat", "timer", "rq"])
def test_ticks_are_neither_doubled_nor_missing(jobs: Jobs, source: str) -> None:
    """One in each ten seconds, over all that the tests did, but while the host was off.

    RQ's cron keeps nothing over a restart, so what was due while it was handed over is not sent any more.
    """
    slots = jobs.ticks(source)
    assert [slot for slot, count in Counter(slots).items() if count > 1] == [], "doubled"
    missing = set(range(slots[0], slots[-1])) - set(slots) - jobs.off
    assert len(slots) > 10
    assert len(missing) <= (DEPLOYS + 1 if source == "rq" else 0), missing
