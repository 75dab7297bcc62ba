# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""compose.yaml and what is beside it: order, secrets, and what a container may."""

from __future__ import annotations

import re
from pathlib import Path

from rendering import document, files

PROCESSES = {
    "worker": {"command": "flask worker", "instances": 2, "nice": 5},
    "nightly": {"command": "flask nightly", "schedule": "Mon 03:00"},
}


def test_nothing_of_the_app_starts_before_its_migrations_and_nginx_only_when_it_answers(tmp_path: Path) -> None:
    services = document(files("compose", tmp_path, processes=PROCESSES)["compose.yaml"].text)["services"]
    done, healthy = {"condition": "service_completed_successfully"}, {"condition": "service_healthy"}
    assert services["migrate"]["restart"] == "no"
    assert services["migrate"]["depends_on"] == {"postgres": healthy}
    assert [services[name]["depends_on"]["migrate"] for name in ("web", "worker", "nightly")] == [done] * 3
    assert services["nginx"]["depends_on"] == {"web": healthy}


def test_it_is_started_by_its_migrations_first_or_a_failure_would_leave_nothing_that_serves(tmp_path: Path) -> None:
    text = files("compose", tmp_path)["compose.yaml"].text
    assert "\n# Start it with `docker compose run --rm migrate && docker compose up --detach --wait`.\n" in text
    alone = files("compose", tmp_path, database="none", release_commands=[])["compose.yaml"].text
    assert (
        "\n# Start it with `docker compose up --detach --wait`.\n" in alone
        and "migrate" not in document(alone)["services"]
    )


def test_secrets_are_files_and_stand_nowhere_else(tmp_path: Path) -> None:
    found = files("compose", tmp_path, redis="local", secrets={"SECRET_KEY": "very-secret-value"})
    secret = {path: file.text for path, file in found.items() if file.is_secret}
    assert secret["secrets/SECRET_KEY"] == "very-secret-value"
    assert secret["secrets/DATABASE_URL"] == "postgresql+psycopg://shop:pg@postgres:5432/shop"
    shown = "".join(file.text for file in found.values() if not file.is_secret)
    assert not re.search("very-secret-value|:pg@|:rq@|requirepass rq|PRIVATE KEY", shown)
    web = document(found["compose.yaml"].text)["services"]["web"]
    assert web["environment"]["SECRET_KEY_FILE"] == "/run/secrets/SECRET_KEY" and "SECRET_KEY" in web["secrets"]


def test_a_container_can_write_nothing_but_its_memory_and_its_volumes(tmp_path: Path) -> None:
    services = document(files("compose", tmp_path, processes=PROCESSES)["compose.yaml"].text)["services"]
    for name in ("web", "worker", "nightly", "migrate", "nginx"):
        one = services[name]
        assert one["read_only"] and one["cap_drop"] == ["ALL"] and one["security_opt"] == ["no-new-privileges:true"], (
            name
        )
    assert services["worker"]["command"] == ["nice", "-n", "5", "slipway-run", "worker"]
    assert services["worker"]["deploy"]["replicas"] == 2


def test_a_schedule_is_kept_by_a_program_beside_the_file(tmp_path: Path) -> None:
    found = files("compose", tmp_path, processes=PROCESSES)
    nightly = document(found["compose.yaml"].text)["services"]["nightly"]
    words = nightly["command"]
    assert words[:4] == ["python", "/etc/slipway/schedule.py", "--cron", "0 3 * * 1"]
    assert words[words.index("--") + 1 :] == ["slipway-run", "nightly"]
    compile(found["schedule.py"].text, "schedule.py", "exec")
    assert "schedule.py" not in files("compose", tmp_path)


def test_a_dollar_stays_a_dollar(tmp_path: Path) -> None:
    found = files("compose", tmp_path, environment={"PRICE": "$HOME costs ${X}"})
    text = found["compose.yaml"].text
    assert "PRICE: $$HOME costs $${X}" in text
    assert '"${HTTP_PORT:-80}:80"' in text


def test_nginx_has_one_file_with_all_that_it_includes_and_its_pages_in_memory(tmp_path: Path) -> None:
    found = files("compose", tmp_path)
    main, start = found["nginx/nginx.conf"].text, found["nginx/start.sh"].text
    assert main == "pid /run/slipway/nginx.pid;\nhttp {\n    server {\n        listen 443 ssl;\n    }\n}\n"
    assert "cat > /run/slipway/pages/503.html <<'SLIPWAY_END_OF_FILE'\n<p>$closed</p>\nSLIPWAY_END_OF_FILE\n" in start
    mounted = document(found["compose.yaml"].text)["services"]["nginx"]["secrets"]
    assert {"source": "access-1", "target": "/run/secrets/access/shop-1.users"} in mounted
    assert found["secrets/access-1"].text == "team:$6$x\n"


def test_the_app_is_no_superuser_of_its_database(tmp_path: Path) -> None:
    found = files("compose", tmp_path, database_extensions=["pg_trgm"])
    script = found["secrets/postgres-prepare"].text
    assert "CREATE ROLE \"shop\" LOGIN PASSWORD :'password';" in script and "SUPERUSER" not in script
    assert 'CREATE EXTENSION IF NOT EXISTS "pg_trgm";' in script


def test_servers_are_reached_by_nobody_but_the_app(tmp_path: Path) -> None:
    whole = document(files("compose", tmp_path)["compose.yaml"].text)
    assert whole["networks"]["data"] == {"internal": True}
    assert whole["services"]["postgres"]["networks"] == ["data"] and "ports" not in whole["services"]["postgres"]
    assert "networks" not in whole["services"]["nginx"]


def test_files_of_the_app_are_mounted_where_the_image_looks_for_them(tmp_path: Path) -> None:
    found = files("compose", tmp_path, files={"conf/local.py": "A = 1\n"})
    web = document(found["compose.yaml"].text)["services"]["web"]
    assert {"source": "file-1", "target": "/app/files/conf/local.py"} in web["secrets"]
    assert found["secrets/file-1"].text == "A = 1\n"
