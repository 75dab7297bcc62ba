# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with the host's backups now, each in a sentence that says what to do.

It reads: the repositories' lists, the server's account of its archiving, how the last run and the last drill ended, and
what systemd says of their timers.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    check_targets,
    check_wal,
    meaning,
    metrics,
    parking,
    places,
    scratch_place,
    setup,
    state,
    telling,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.check_targets import LATE, Seen
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import said
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._backup.telling import Problem
from ansible_collections.slipway.flask.plugins.module_utils._host import calendar, systemd, timer

UNITS = {"run": "slipway-backup", "check": "slipway-backup-check", "drill": "slipway-backup-drill"}
"""What runs each part: `<unit>.timer` and `<unit>.service`."""
SECONDS_A_WEEK = 7 * 86_400


@dataclass
class Check:
    """One check of the backups that SETTINGS describe, at the time NOW."""

    settings: Settings
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    seen: Seen = field(default_factory=Seen)

    def run(self) -> Outcome:
        """Do it: keep the result, write the metrics, and tell what is new of it. Waits for another one."""
        places.STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (places.STATE / "check.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            return self._run()

    def _run(self) -> Outcome:
        outcome, began = Outcome("check", state.now()), time.monotonic()
        scratch_place.sweep()
        problems = list(self.problems())
        before = state.outcome("check")
        news = telling.news(before.facts if before else {}, problems)
        outcome.problems = [problem.text for problem in problems if not problem.is_covered]
        outcome.facts = news.kept
        outcome.ended, outcome.seconds = state.now(), round(time.monotonic() - began, 1)
        outcome.write()
        metrics.write(self.seen, len(outcome.problems), state.outcome("run"), state.outcome("drill"), self.now)
        outcome.notes = telling.tell(self.settings, news)
        return outcome

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong, none of it with a secret in it."""
        found = [*check_targets.problems(self.settings, self.seen, self.now)]
        if self.settings.has_cluster:
            found += check_wal.problems(self.settings, self.seen, self.now)
            self._park()
            found += parking.problems(self.settings)
        found += self._last_run(found)
        found += self._drill()
        found += self._timers()
        for problem in found:
            yield replace(problem, text=meaning.without_secrets(problem.text, self.settings))

    def _park(self) -> None:
        """Leave targets that are away for long out of archiving, and take those that are back in again."""
        names = {target.name: number for number, target in enumerate(self.settings.targets, 1)}
        able = {names[name] for name, reached in self.seen.reached.items() if reached}
        before = parking.parked(self.settings)
        # What is left out is not archived to, so there are no errors of it.
        unable = (set(names.values()) - able) | (parking.refusing(check_wal.SPOOL) - before)
        after = parking.wanted(before, able, unable, self.seen.waiting, parking.limit())
        if after != before:
            parking.keep(self.settings, after, parking.lacking(self.settings) | after)
            setup.configure(self.settings)

    def _last_run(self, found: list[Problem]) -> Iterator[Problem]:
        """Yield how the last run failed; what is wrong with a target now covers it."""
        last = state.outcome("run")
        if last is None:
            return
        for text in last.problems:
            told = self._sentence(text)
            covered = any(problem.covers(text) for problem in found)
            yield Problem(f"run:{key(text)}", f"the run of {when(last.ended)} failed: {told}", is_covered=covered)

    def _sentence(self, text: str) -> str:
        target = next((one.name for one in self.settings.targets if one.name in text), "")
        return meaning.sentence(target, text) if target else meaning.short(text)

    def _drill(self) -> Iterator[Problem]:
        last = state.outcome("drill")
        for text in last.problems if last else ():
            yield Problem(f"drill:{key(text)}", f"the drill of {when(last.ended if last else '')} failed: {text}")
        period = self._drill_period()
        since = self._drilled(last)
        if period and since and self.now.timestamp() - since > LATE * period:
            ended = f"the last drill was on {when(last.ended)}" if last else "there has been no drill yet"
            yield Problem(
                "drill-late",
                f"{ended}, and one is due every {span(period)}: see `journalctl -u {UNITS['drill']}` on the host, or run one "
                "now: `slipway-backup drill` there",
            )

    def _drilled(self, last: Outcome | None) -> float:
        """Return when the last drill ended, or when the host was made ready for one, as seconds of Unix; 0 for unknown."""
        if last and last.ended:
            return state.time_of(last.ended).timestamp()
        ready = setup.ready()
        return ready.timestamp() if ready else 0.0

    def _drill_period(self) -> float:
        """Return the seconds from one drill to the next, 0 for never."""
        if not self.settings.drill:
            return 0.0
        try:
            first = calendar.next_time(self.settings.drill)
            second = calendar.next_time(self.settings.drill, first) if first else None
        except systemd.HostError:
            return SECONDS_A_WEEK
        return second - first if first and second else 0.0

    def _timers(self) -> Iterator[Problem]:
        wanted = [name for name in UNITS if name != "drill" or self.settings.drill]
        for name in wanted:
            shown = systemd.properties(f"{UNITS[name]}.timer", "ActiveState")
            if shown.get("ActiveState") != "active":
                yield Problem(
                    f"timer:{name}", f"{UNITS[name]}.timer is not active, so there is no {name}: run site.yml"
                )
            service = systemd.properties(f"{UNITS[name]}.service", "ActiveState", "Result")
            last = state.outcome(name)
            # One that has found something wrong has failed as well, and says what.
            if (
                name != "check"
                and service.get("ActiveState") == "failed"
                and not is_told(last, f"{UNITS[name]}.service")
            ):
                yield Problem(
                    f"unit:{name}",
                    f"{UNITS[name]}.service failed ({service.get('Result')}): see `journalctl -u {UNITS[name]}` on the host",
                )


def is_told(last: Outcome | None, unit: str) -> bool:
    """Tell whether the LAST outcome says what was wrong when UNIT failed, or is of a run since then, by hand for example."""
    if last is None:
        return False
    failed = timer.moments(unit, "InactiveEnterTimestamp")["InactiveEnterTimestamp"]
    return bool(last.problems) or state.time_of(last.ended or last.started).timestamp() >= failed


def key(text: str) -> str:
    """Return what stays the same of a sentence while numbers in it, such as an age, change."""
    return re.sub(r"\d+", "#", text)[:200]


def when(stamp: str) -> str:
    """Return a time of the state files for people."""
    return said(state.time_of(stamp)) if stamp else "an unknown time"


def span(seconds: float) -> str:
    """Return a span of time for people: `90 s`, `5 min`, `3 h`, `2 days`."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= LATE * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{timedelta(seconds=seconds).total_seconds():.0f} s"
