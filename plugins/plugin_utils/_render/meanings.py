# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What each key of an app means where containers run it: the one table, from which docs/targets.md is written.

A cell is SAME (as on a host), BUILD (it is part of the image), or a few words; `NONE: why` says that nothing comes of the
key there, and `refused: …` that some value of it is refused (refusals.py). A test holds the table to `_app/keys.py`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import NamedTuple

SAME, BUILD, NONE = "same", "in the image", "no effect"
YOURS = "of your Ingress or Gateway; see docs/kubernetes.md"
TARGETS = ("compose", "swarm", "kubernetes")


class Meaning(NamedTuple):
    """What a key means on each of TARGETS."""

    compose: str
    swarm: str
    kubernetes: str


def everywhere(text: str) -> Meaning:
    return Meaning(text, text, text)


def front(text: str = SAME) -> Meaning:
    """Return the meaning of a key of the web server in front: the same nginx as on a host, but for Kubernetes."""
    return Meaning(text, text, YOURS)


HERE = f"{NONE}: a host's; engines keep their own history"
SERVER = "a container beside the app; refused: "
MEANINGS: dict[str, Meaning] = {
    "name": Meaning("name of the project", "name of the stack", "name of the objects"),
    "domains": Meaning(SAME, SAME, "hosts of the Ingress or HTTPRoute"),
    "redirect_domains": Meaning(SAME, SAME, "an HTTPRoute; refused: with an Ingress"),
    "stage": Meaning(f"{SAME}; `access` is nginx's", f"{SAME}; `access` is nginx's", "refused: staging, unless `traffic: none`"),
    "preview": everywhere(f"{NONE}: a preview is a project, stack or namespace of its own"),
    "adopt": everywhere(f"{NONE}: there is nothing to take over"),
    "source": everywhere(BUILD),
    "wsgi": everywhere(BUILD),
    "subfolder": everywhere(BUILD),
    "python": everywhere(BUILD),
    "requirements": everywhere(BUILD),
    "extra_packages": everywhere(BUILD),
    "constraints": everywhere(BUILD),
    "overrides": everywhere(BUILD),
    "system_packages": everywhere(BUILD),
    "audit": everywhere("when the image is built"),
    "environment": everywhere(f"{SAME}; `{{release_folder}}` is the image's"),
    "secrets": Meaning("files that the container mounts", "secrets of the swarm, named by content", "a Secret"),
    "files": Meaning("mounted", "secrets of the swarm, mounted", "a Secret, mounted"),
    "secret_key_variable": everywhere(SAME),
    "database": Meaning(
        f"`local`: {SERVER}mariadb", "`local`: a container on the node labelled for data; refused: mariadb",
        "`url` or `none`; refused: `local`, mariadb",
    ),
    "database_url": everywhere(SAME),
    "database_ca": everywhere("mounted as a file"),
    "database_variable": everywhere(SAME),
    "database_scheme": everywhere(SAME),
    "database_extensions": Meaning("created at the first start", "created at the first start", "refused: `local` only"),
    "database_connections": everywhere(f"{NONE}: nobody counts connections before a deploy"),
    "database_pool": everywhere("refused: pgbouncer"),
    "database_pool_size": everywhere(f"{NONE}: there is no pooler"),
    "database_pool_clients": everywhere(f"{NONE}: there is no pooler"),
    "database_owner_url": everywhere("only the migrations get it"),
    "redis": Meaning(
        "`local`: containers beside the app", "`local`: containers on the node labelled for data",
        "`url` or `none`; refused: `local`",
    ),
    "redis_url": everywhere(SAME),
    "redis_ca": everywhere("mounted as a file"),
    "redis_purpose": everywhere(SAME),
    "redis_variable": everywhere(SAME),
    "redis_scheme": everywhere("with `local` always `redis`: there are no sockets"),
    "redis_variables": everywhere(SAME),
    "redis_queue_mb": everywhere("0 means 256 MiB"),
    "redis_queue_fsync": everywhere(SAME),
    "redis_cache_mb": everywhere("0 means 128 MiB"),
    "build_commands": everywhere(BUILD),
    "setup_commands": everywhere("in the image what they make in the code's folder; volumes start without"),
    "release_commands": Meaning(
        "service `migrate`, which must end well before the others start; `once`: by hand",
        "a job that `deploy.sh` waits for, before anything is updated; `once`: by hand",
        "a Job before the Deployment; `once`: by hand",
    ),
    "migrations": everywhere(SAME),
    "migrations_allow": everywhere(BUILD),
    "migrations_lock_timeout_seconds": everywhere(SAME),
    "migrations_statement_timeout_seconds": everywhere(SAME),
    "check_seconds": everywhere("when the image is built"),
    "writes_at_import": everywhere("same; imported once, alone, before the others start"),
    "migrations_dump": everywhere(f"{NONE}: back up the database with what its server has"),
    "static": Meaning("the image serves them, nginx keeps a copy", "the image serves them, nginx keeps a copy",
                      "the image serves them"),
    "shared_folders": Meaning(
        "volumes", "refused: each node would have its own; use object storage", "a claim; several replicas need ReadWriteMany"
    ),
    "writable_paths": Meaning("volumes", "refused: each node would have its own", "a claim, as `shared_folders`"),
    "state_per_host": everywhere(f"{NONE}: `shared_folders` says what a target does with them"),
    "object_storage": everywhere(f"{SAME}; the bucket is not asked before"),
    "health_path": Meaning("health check", "health check, gates the update", "readiness and startup probes"),
    "health_status": everywhere(SAME),
    "health_host": everywhere(SAME),
    "health_timeout_seconds": Meaning("start period", "start period and monitor", "startup probe"),
    "metrics_path": Meaning("hidden from visitors", "hidden from visitors", "annotations for Prometheus; visitors get 503"),
    "watch_seconds": Meaning(f"{NONE}: nothing goes back by itself", "monitor of the update: a container that fails in it "
                             "takes the update back", "minReadySeconds"),
    "body_size_mb": front(),
    "header_kb": front(),
    "rate_limits": front(f"{SAME}, per nginx"),
    "streaming": front(),
    "protected_downloads": everywhere("refused: nginx can't read the app's folders"),
    "sandbox": everywhere("read-only root, no capabilities, no new privileges; no exception is needed"),
    "otel": everywhere(SAME),
    "handover": Meaning("a new container replaces the old one: seconds without an answer", "start-first, or stop-first",
                        "RollingUpdate, or Recreate"),
    "processes": Meaning("services", "services", "Deployments and CronJobs"),
    "worker_class": everywhere(BUILD),
    "workers": everywhere("per container"),
    "threads": everywhere("per container"),
    "timeout_seconds": everywhere(SAME),
    "memory_max_mb": everywhere("limit of each web container"),
    "headers": front(),
    "hsts_preload": front(),
    "access": Meaning(SAME, SAME, "refused, unless `traffic: none`"),
    "client_ca_file": Meaning(SAME, SAME, "refused, unless `traffic: none`"),
    "certificate": Meaning(
        "`acme`: bring the files, a self-signed one until then", "`acme`: bring the files, a self-signed one until then",
        "`acme`, `self_signed`: cert-manager's, or a Secret that you create",
    ),
    "certificate_file": Meaning(SAME, SAME, "in the Secret of the Ingress or Gateway"),
    "certificate_key_file": Meaning(SAME, SAME, "in the Secret of the Ingress or Gateway"),
    "deployers": everywhere(f"{NONE}: who may deploy is the engine's to say"),
    "hooks": everywhere("refused: nothing runs Ansible's tasks"),
    "notifications": everywhere(f"{NONE}: the engine's events say it"),
    "keep_releases": everywhere(HERE),
}  # fmt: skip
