# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What becomes of the data of a host that is to be a standby: nothing that its primary lacks is replaced unasked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import control, upstream, verdict
from ansible_collections.slipway.flask.plugins.module_utils._postgres.control import Control
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._postgres.upstream import Source
from ansible_collections.slipway.flask.plugins.module_utils._postgres.verdict import COPY, FOLLOW, KEEP, Asked
from ansible_collections.slipway.flask.plugins.module_utils._postgres.wal import Commits

SAID = """\
pg_control version number:            1700
Database system identifier:           7443217034812345678
Database cluster state:               {state}
pg_control last modified:             Fri 27 Nov 2026 05:12:03 AM UTC
Latest checkpoint location:           0/3000060
Latest checkpoint's REDO location:    0/3000028
Latest checkpoint's TimeLineID:       1
Minimum recovery ending location:     {recovered}
Min recovery ending loc's timeline:   {timeline}
"""
OURS = "7443217034812345678"
FIRST = Source(OURS, 1)
SECOND = Source(OURS, 2, {1: 0x4000000})
"""It was promoted when it had 0/4000000."""


def local(state: str = "in archive recovery", recovered: str = "0/3500000", timeline: int = 1, **more: Any) -> Control:
    return control.parse(
        SAID.format(state=state, recovered=recovered, timeline=timeline),
        more.get("is_standby", True),
        more.get("is_copy", False),
    )


STANDBY = local()
CLOSED = local("shut down", "0/0", 0)
"""A former primary that playbooks/promote.yml has closed."""
STOPPED = local("shut down", "0/0", 0, is_standby=False)
KILLED = local("in production", "0/0", 0, is_standby=False)
"""A primary that runs, or was killed."""
OTHER = Source("111", 1)
ME = Asked("db1", "db2")


def of(
    data: Control | None, source: Source, asked: Asked = ME, empty: bool = False, commits: Commits | None = None
) -> str:
    return verdict.verdict(asked, data, source, lambda: empty, lambda position: commits)


@pytest.mark.parametrize(
    ("data", "source", "done"),
    [
        (None, FIRST, COPY),
        (STANDBY, FIRST, KEEP),
        (STANDBY, SECOND, KEEP),
        (local(recovered="0/4000001", timeline=2), SECOND, KEEP),  # it has followed to the new timeline already
        (local("in production", is_copy=True), FIRST, KEEP),  # a run was killed between the copy and the first start
        (local("shut down", is_copy=True), SECOND, KEEP),
        (CLOSED, SECOND, KEEP),
        (STOPPED, SECOND, FOLLOW),
    ],
)
def test_what_can_follow_is_not_copied(data: Control, source: Source, done: str) -> None:
    assert of(data, source) == done


def test_a_former_primary_without_a_transaction_of_its_own_is_copied() -> None:
    assert of(KILLED, SECOND, commits=Commits(0)) == COPY
    fork_before_its_end = Source(OURS, 2, {1: 0x3000060})
    assert of(STOPPED, fork_before_its_end, commits=Commits(0)) == COPY


@pytest.mark.parametrize("data", [KILLED, local("in production", "0/0", 0)], ids=["as it was", "closed by force"])
@pytest.mark.parametrize(("commits", "words"), [(Commits(3, "2026-11-27 05:12:09"), "3 transactions (the last at 2026"),
                                                (Commits(1, "2026-11-27 05:12:09"), "1 transaction (the last"),
                                                (None, "an unknown number of transactions")])  # fmt: skip
def test_transactions_that_only_a_former_primary_has_are_given_up_by_a_person_alone(
    data: Control, commits: Commits | None, words: str
) -> None:
    with pytest.raises(PostgresError, match="was the primary") as said:
        of(data, SECOND, commits=commits)
    assert words in str(said.value) and "-e discard=db1" in str(said.value)
    assert of(data, SECOND, Asked("db1", "db2", discard=True), commits=commits) == COPY


def test_two_primaries_are_never_decided_between() -> None:
    promoted = Control(OURS, "in production", 2, 0x5000000, 0, 0, is_standby=False)
    with pytest.raises(PostgresError, match="took writes that db2 knows nothing of"):
        of(promoted, FIRST, commits=Commits(0))
    with pytest.raises(PostgresError, match="took writes that db2 knows nothing of"):
        of(KILLED, FIRST, commits=Commits(0))


def test_databases_of_its_own_are_not_replaced() -> None:
    assert of(KILLED, OTHER, empty=True) == COPY
    with pytest.raises(PostgresError, match="has databases of its own"):
        of(KILLED, OTHER)
    assert of(KILLED, OTHER, Asked("db1", "db2", discard=True)) == COPY
    with pytest.raises(PostgresError, match="has databases of its own"):
        of(KILLED, OTHER, Asked("db1", "db2", anew=True))


def test_the_last_copy_of_a_primary_that_was_set_up_anew_is_not_replaced() -> None:
    with pytest.raises(PostgresError, match="has the only copy of its data"):
        of(STANDBY, OTHER, empty=True)
    assert of(STANDBY, OTHER, Asked("db1", "db2", anew=True)) == COPY


def test_a_standby_that_is_ahead_of_the_new_primary_says_so() -> None:
    with pytest.raises(PostgresError, match="has received more of the former primary than db2 has"):
        of(local(recovered="0/4000001"), SECOND)
    assert of(local(recovered="0/4000001"), SECOND, Asked("db1", "db2", anew=True)) == COPY


def test_one_that_was_away_for_too_long_is_copied() -> None:
    assert of(STANDBY, FIRST, Asked("db1", "db2", lost=True)) == COPY
    with pytest.raises(PostgresError, match="took writes"):
        of(KILLED, FIRST, Asked("db1", "db2", lost=True), commits=Commits(0))


def test_a_standby_is_not_followed() -> None:
    with pytest.raises(PostgresError, match="db2 is itself a standby"):
        of(None, Source(OURS, 1, in_recovery=True))


ANSWERS = {
    "IDENTIFY_SYSTEM": f"{OURS}\t3\t0/5000148\t\n",
    "TIMELINE_HISTORY 3": "00000003.history\t1\t0/3000148\tno recovery target specified\n\n2\t0/4000000\tbefore 2026\n",
    "SHOW server_version_num": "170006\n", "SHOW in_hot_standby": "off\n", "SHOW max_connections": "120\n",
}  # fmt: skip


def test_a_primary_says_what_it_is_over_replication() -> None:
    assert upstream.source(ANSWERS.__getitem__) == Source(OURS, 3, {1: 0x3000148, 2: 0x4000000}, 17, False, 120)


def test_a_primary_that_was_never_promoted_has_no_history() -> None:
    first = {**ANSWERS, "IDENTIFY_SYSTEM": f"{OURS}\t1\t0/5000148\t\n"}
    first.pop("TIMELINE_HISTORY 3")
    assert upstream.source(first.__getitem__).history == {}


def test_what_pg_controldata_does_not_say_is_no_guess() -> None:
    with pytest.raises(PostgresError, match="says something unknown"):
        control.parse("Database system identifier: 1\n", True)
