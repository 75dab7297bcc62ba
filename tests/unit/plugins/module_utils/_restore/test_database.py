# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A database as it was, made ready beside the live one: who restores what of a dump."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._restore import database

LISTING = """\
;
; Archive created at 2026-11-26 14:05:00 UTC
;     Format: CUSTOM
;
2; 3079 16385 EXTENSION - postgis 
3520; 0 0 COMMENT - EXTENSION postgis 
5; 2615 2200 SCHEMA - public pg_database_owner
217; 1259 16390 TABLE public rows shop
3512; 0 16390 TABLE DATA public rows shop
3513; 0 16385 TABLE DATA public spatial_ref_sys postgres
3360; 2606 16394 CONSTRAINT public rows rows_pkey shop
3400; 3466 16500 EVENT TRIGGER - audit postgres
3401; 6104 16501 PUBLICATION - everything postgres
3600; 0 0 ACL public TABLE rows shop
"""  # noqa: W291 (pg_restore ends lines of what has no owner so)


def test_the_owner_restores_all_but_what_only_a_superuser_can_make() -> None:
    found = database.entries(LISTING)
    assert [line.split("; ")[0] for line in found.owners] == ["5", "217", "3512", "3360", "3600"]
    assert [line.split("; ")[0] for line in found.extensions] == ["3513"]
    assert found.left == ["EVENT TRIGGER - audit postgres", "PUBLICATION - everything postgres"]


def test_rights_and_settings_of_the_live_database_go_over_to_the_new_one() -> None:
    settings = [["", "search_path=a, b"], ["shop", "work_mem=8MB"], ["", 'shop.a; DROP DATABASE "blog"=1']]
    live = {"grants": [["CONNECT", "reporting"]], "settings": settings}
    text = database._as_live("shop_new", live)
    assert 'GRANT CONNECT ON DATABASE "shop_new" TO reporting;' in text
    assert (
        "set_config('search_path', 'a, b', false);\nALTER DATABASE \"shop_new\" SET \"search_path\" FROM CURRENT;"
        in text
    )
    assert 'ALTER ROLE shop IN DATABASE "shop_new" SET "work_mem" FROM CURRENT;' in text
    assert 'SET "shop"."a; DROP DATABASE ""blog""" FROM CURRENT;' in text


@pytest.mark.parametrize(
    ("versions", "heads"), [("", []), ("public.alembic_version", ["a", "b"])], ids=["no migrations", "two heads"]
)
def test_where_the_migrations_are_is_read_from_alembics_table(versions: str, heads: list[str]) -> None:
    assert database.heads(versions, lambda table: "b\na\n") == heads
