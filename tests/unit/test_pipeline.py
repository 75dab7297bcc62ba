# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The pipelines that `bin/pipeline` writes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "github": ".github/workflows/deploy.yml",
    "forgejo": ".forgejo/workflows/deploy.yml",
    "gitlab": ".gitlab-ci.yml",
}


def write(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "bin/pipeline", *words], capture_output=True, text=True, check=False)


def texts(node: Any) -> list[str]:
    """Return all texts that are somewhere in NODE."""
    if isinstance(node, dict):
        return [text for value in node.values() for text in texts(value)]
    if isinstance(node, list):
        return [text for value in node for text in texts(value)]
    return [str(node)]


@pytest.mark.parametrize("kind", FILES)
def test_a_pipeline_tests_plans_deploys_to_staging_and_then_to_production(kind: str, tmp_path: Path) -> None:
    done = write(kind, str(tmp_path))
    assert done.returncode == 0, done.stderr
    whole = " ".join(texts(yaml.safe_load((tmp_path / FILES[kind]).read_text())))
    steps = ["pip install --requirement", "scan .venv", "ruff check", "pytest", "plan deploy/production", "comment ",
             "preview deploy/staging/hosts.yml", "comment ", "preview deploy/staging/hosts.yml --remove", "comment ",
             "deploy deploy/staging", "smoke deploy/staging", "https://staging.example.com", "promote deploy/production",
             "smoke deploy/production", "https://example.com/", "rollback deploy/production"]  # fmt: skip
    found, after = whole.replace('bin/ci"', "bin/ci"), 0
    for step in steps:
        assert step in found[after:], f"{step} is not there, or comes too early"
        after = found.index(step, after)


@pytest.mark.parametrize("kind", ["github", "forgejo"])
def test_actions_are_pinned_and_only_the_protected_branch_deploys(kind: str) -> None:
    jobs = yaml.safe_load((ROOT / f"docs/ci/{kind}.yml").read_text())["jobs"]
    for name, job in jobs.items():
        for step in job["steps"]:
            _, at, pin = step.get("uses", "x@" + "0" * 40).partition("@")
            assert at and len(pin) == 40, step
        uses_secrets = "secrets." in " ".join(texts(job))
        assert uses_secrets == (name != "test")
        assert ("!= 'closed'" in job["if"]) == (name in ("test", "preview"))  # plan needs test
        assert ("== 'closed'" in job["if"]) == (name == "preview-end")
        assert job.get("permissions", {}).get("contents", "read") == "read"
        if name in ("staging", "production"):
            assert "pull_request" not in job["if"]
            assert job["concurrency"]["cancel-in-progress"] is False
        elif uses_secrets:
            assert "head.repo.full_name == github.repository" in job["if"], "a fork gets no secret"


@pytest.mark.parametrize("kind", ["github", "forgejo"])
def test_the_runs_of_a_pull_request_come_one_after_the_other_and_pushes_do_not_wait_for_them(kind: str) -> None:
    concurrency = yaml.safe_load((ROOT / f"docs/ci/{kind}.yml").read_text())["concurrency"]
    assert concurrency["group"] == "deploy-${{ github.event.pull_request.number || github.run_id }}"
    assert concurrency["cancel-in-progress"] is False


WORKFLOWS = ["docs/ci/github.yml", "docs/ci/forgejo.yml"]
WORKFLOWS += [f".github/workflows/{path.name}" for path in ROOT.glob(".github/workflows/*.yml")]


@pytest.mark.parametrize("file", WORKFLOWS)
def test_no_command_has_anything_put_in_that_somebody_outside_chooses(file: str) -> None:
    """`${{ github.head_ref }}` in `run` is put into the script before a shell reads it: a branch's name would be a command."""
    for job in yaml.safe_load((ROOT / file).read_text())["jobs"].values():
        for step in job.get("steps", []):
            assert all(name.startswith("matrix.") for name in re.findall(r"\$\{\{ *(\S+)", step.get("run", ""))), step


@pytest.mark.parametrize("file", ["docs/ci/github.yml", "docs/ci/forgejo.yml", ".github/workflows/release.yml"])
def test_what_a_job_installs_and_runs_finds_no_token_in_the_checkout(file: str) -> None:
    steps = [step for job in yaml.safe_load((ROOT / file).read_text())["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if "actions/checkout@" in step.get("uses", "")]
    assert checkouts
    for step in checkouts:
        assert step.get("with", {}).get("persist-credentials") is False, file


def test_a_merge_request_of_a_fork_gets_no_secret_of_gitlab() -> None:
    jobs = yaml.safe_load((ROOT / "docs/ci/gitlab.yml").read_text())
    for name in ("plan", "preview", "preview-end"):
        (rule,) = jobs[name]["rules"]
        assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule["if"]
        assert jobs[name]["resource_group"] == "merge-request-$CI_MERGE_REQUEST_IID"
    assert jobs["preview"]["environment"]["on_stop"] == "preview-end"
    assert jobs["preview-end"]["environment"] == {"name": jobs["preview"]["environment"]["name"], "action": "stop"}
    assert "environment" not in jobs["test"]
    for name in ("staging", "production"):
        assert jobs[name]["resource_group"] == name
        assert all("CI_DEFAULT_BRANCH" in one["if"] for one in jobs[name]["rules"])
    assert jobs["production"]["rules"][0]["when"] == "manual"


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".gitlab-ci.yml").write_text("mine\n")
    done = write("gitlab", str(tmp_path))
    assert (done.returncode, (tmp_path / ".gitlab-ci.yml").read_text()) == (1, "mine\n")
    assert "is there already; nothing was written" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"), [(("jenkins", "."), "is not one of"), (("github", "/nowhere"), "no folder")]
)
def test_what_can_not_be_written_is_refused(words: tuple[str, str], said: str) -> None:
    done = write(*words)
    assert done.returncode != 0
    assert said in done.stderr
