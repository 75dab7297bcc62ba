# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a cluster is told of an app: that it would be taken, and what is in it."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._render import description, kubernetes
from app_descriptions import KEY
from kubernetes_objects import DEPLOYED, IMAGE, SAMPLE, Object, folder, objects, one, pod, rendered

VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")
OURS = ("ExternalSecret", "Gateway", "HTTPRoute")
"""Kinds that no version of Kubernetes brings itself."""
EVERYTHING: dict[str, Any] = {
    "max_replicas": 5,
    "issuer": "letsencrypt",
    "ingress_class": "traefik",
    "external_secrets": {"store": "vault"},
    "proxy_namespace": "traefik",
    "monitoring_namespace": "monitoring",
    "image_pull_secret": "registry",
    "storage_class": "nfs",
    "keep_state": ["summary"],
    "user_namespaces": True,
}
SUMMARY = {"command": "flask summary", "schedule": "daily"}
GATEWAY: dict[str, Any] = {"traffic": "gateway", "gateway_class": "envoy", "issuer": "letsencrypt"}


@pytest.fixture(autouse=True, scope="module")
def read_once() -> Iterator[None]:
    """Read the schemas of a version once, and not for every object again: that is most of what a test takes."""
    utils = kubernetes_validate.utils
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", functools.cache(utils.schema_contents))
        yield


def invalid(each: Object, version: str) -> str:
    """Return what the schema of a VERSION of Kubernetes has against an object, unknown fields included; "" for nothing."""
    try:
        kubernetes_validate.validate(each, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{each['kind']} {each['metadata']['name']}: {list(error.path)}: {error.message}"
    return ""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        *(
            pytest.param(settings, changes, id=f"{name}-{title}")
            for name, settings in {"plain": {}, "everything": EVERYTHING, "gateway": GATEWAY}.items()
            for title, changes in {"small": {"processes": {"summary": SUMMARY}}, "sample": SAMPLE}.items()
        ),
        *(pytest.param({}, changes, id=name) for name, changes in DEPLOYED.items()),
    ],
)
def test_every_version_takes_every_object(version: str, settings: dict[str, Any], changes: dict[str, Any]) -> None:
    found = [each for each in objects(folder(settings, **changes)) if each["kind"] not in OURS]
    assert len(found) > 5
    assert [wrong for each in found if (wrong := invalid(each, version))] == []


def test_a_misspelled_field_would_be_seen() -> None:
    web = one("Deployment", "shop-web")
    web["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    assert "readynessProbe" in invalid(web, VERSIONS[-1])


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@pytest.mark.parametrize("settings", [{}, EVERYTHING, GATEWAY], ids=["plain", "everything", "gateway"])
def test_kustomize_puts_it_together(tmp_path: Path, settings: dict[str, Any]) -> None:
    files = folder(settings, **SAMPLE, environment={"LINES": "a\nb", "QUOTES": "'a'", "DOLLAR": "$(HOME) #1"})
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    command = ["kubectl", "kustomize", str(tmp_path / "overlays/production")]
    built = [
        *yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout),
    ]
    assert len(built) == len(objects(files)) + 1
    (config,) = (each for each in built if each["kind"] == "ConfigMap")
    assert config["data"] == {"LINES": "a\nb", "QUOTES": "'a'", "DOLLAR": "$(HOME) #1"}
    web = next(each for each in built if each["metadata"]["name"] == "shop-web" and each["kind"] == "Deployment")
    (container,) = web["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert container["envFrom"] == [{"configMapRef": {"name": config["metadata"]["name"]}}]
    assert {each["metadata"].get("namespace") for each in built if each["kind"] != "Namespace"} == {"shop"}


def test_no_secret_is_in_the_folder() -> None:
    told = folder(None, **SAMPLE, secrets={"SECRET_KEY": KEY, "TOKEN": "t0p-s3cret"})
    assert not [path for path, text in told.items() if KEY in text or "t0p-s3cret" in text or "A = 1" in text]
    (container,) = pod("Deployment", "shop-web", **SAMPLE)["containers"]
    assert {"name": "SECRET_KEY", "valueFrom": {"secretKeyRef": {"name": "shop-secrets", "key": "SECRET_KEY"}}} in (
        container["env"]
    )


def test_secrets_have_every_key_that_pods_ask_for() -> None:
    files = rendered(None, **SAMPLE, database_owner_url="postgresql://o:y@db/shop")
    stored = {
        each["metadata"]["name"]: each["stringData"] for each in yaml.safe_load_all(files["secrets/secrets.yaml"])
    }
    asked = {
        entry["valueFrom"]["secretKeyRef"]["key"]
        for each in objects({path: text for path, text in files.items() if not path.startswith("secrets/")})
        if each["kind"] in ("Deployment", "Job")
        for entry in each["spec"]["template"]["spec"]["containers"][0]["env"]
        if "valueFrom" in entry
    }
    assert asked == set(stored["shop-secrets"])
    mounted = next(v for v in pod("Deployment", "shop-web", **SAMPLE)["volumes"] if v["name"] == "files")["secret"]
    assert mounted["items"] == [{"key": "file-1", "path": "instance/config.py"}]
    assert stored["shop-files"] == {"file-1": "A = 1\n"}
    assert files[".gitignore"] == "/secrets/\n"


def test_a_provided_certificate_is_a_secret_for_the_ingress_and_replaces_no_pods() -> None:
    def web(files: dict[str, str]) -> str:
        return files["base/web.yaml"]

    pair = {"tls-certificate": "CERTIFICATE\n", "tls-key": "PRIVATE KEY\n"}
    files = rendered(None, pair)
    (found,) = (
        each
        for each in yaml.safe_load_all(files["secrets/secrets.yaml"])
        if each["kind"] == "Secret" and "type" in each
    )
    assert (found["metadata"]["name"], found["type"]) == ("shop-tls", "kubernetes.io/tls")
    assert found["stringData"] == {"tls.crt": "CERTIFICATE\n", "tls.key": "PRIVATE KEY\n"}
    assert invalid(found, VERSIONS[-1]) == ""
    assert one("Ingress", "shop")["spec"]["tls"][0]["secretName"] == "shop-tls"
    assert web(files) == web(rendered())
    assert "kubernetes.io/tls" in rendered({"external_secrets": {"store": "vault"}}, pair)["secrets/secrets.yaml"]
    assert "kubernetes.io/tls" not in rendered({"traffic": "none"}, pair)["secrets/secrets.yaml"]


def test_another_secret_replaces_the_pods_and_a_store_is_looked_at_by_others() -> None:
    def told(token: str, **settings: Any) -> Any:
        found = one("Deployment", "shop-web", settings, secrets={"SECRET_KEY": KEY, "TOKEN": token})
        return found["spec"]["template"]["metadata"].get("annotations", {}).get("slipway.flask/secrets")

    assert told("one") == told("one") != told("two")
    assert told("one", external_secrets={"store": "vault"}) is None
    assert "secrets/secrets.yaml" not in rendered({"external_secrets": {"store": "vault"}})
    assert one("ExternalSecret", "shop-secrets", {"external_secrets": {"store": "vault"}})["spec"]["dataFrom"] == [
        {"extract": {"key": "shop"}}
    ]


def test_only_the_migrations_get_the_url_of_the_databases_owner() -> None:
    changes = {"database_owner_url": "postgresql://o:y@db/s"}
    name = next(each for each in objects(folder(None, **changes)) if each["kind"] == "Job")["metadata"]["name"]
    variables = {
        kind: {entry["name"] for entry in pod(kind, which, **changes)["containers"][0]["env"]}
        for kind, which in (("Job", name), ("Deployment", "shop-web"))
    }
    assert variables["Job"] - variables["Deployment"] == {description.OWNER_VARIABLE}


def test_pods_are_as_restricted_as_the_namespace_asks_for() -> None:
    """Pod Security Standards, `restricted` (kubernetes.io/docs/concepts/security/pod-security-standards)."""
    kinds = ("Deployment", "CronJob", "Job")
    found = [
        (each["kind"], each["metadata"]["name"]) for each in objects(folder(None, **SAMPLE)) if each["kind"] in kinds
    ]
    assert len(found) == 5
    for kind, name in found:
        spec = pod(kind, name, **SAMPLE)
        context, (container,) = spec["securityContext"], spec["containers"]
        assert context["runAsNonRoot"] and context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        own = container["securityContext"]
        assert not own["allowPrivilegeEscalation"] and own["readOnlyRootFilesystem"]
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert not spec["automountServiceAccountToken"]
        allowed = {"emptyDir", "persistentVolumeClaim", "secret"}
        assert {kind for volume in spec["volumes"] for kind in volume if kind != "name"} <= allowed
    assert one("Namespace", "shop")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_pod_goes_before_another_one_has_been_ready_for_a_while() -> None:
    spec = one("Deployment", "shop-web", watch_seconds=9, timeout_seconds=60)["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert (spec["replicas"], spec["minReadySeconds"]) == (2, 9)
    told = spec["template"]["spec"]
    (container,) = told["containers"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert told["terminationGracePeriodSeconds"] >= 60 + pause
    assert one("PodDisruptionBudget", "shop-web")["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(
    ("changes", "startup", "readiness"),
    [
        ({}, "httpGet", "httpGet"),
        ({"health_path": ["/a", "/b"]}, "exec", "httpGet"),
        ({"health_status": 404}, "exec", "exec"),
        ({"health_status": [200, 204]}, "exec", "httpGet"),
    ],
)
def test_probes_ask_what_the_app_says(changes: dict[str, Any], startup: str, readiness: str) -> None:
    (container,) = pod("Deployment", "shop-web", **changes)["containers"]
    assert startup in container["startupProbe"] and readiness in container["readinessProbe"]
    assert "tcpSocket" in container["livenessProbe"]  # never a database that is away


def test_what_must_not_run_twice_is_stopped_first() -> None:
    spec = one("Deployment", "shop-mail", **SAMPLE)["spec"]
    assert (spec["strategy"], spec["replicas"]) == ({"type": "Recreate"}, 1)
    alone = folder(handover="stop_first")
    assert one("Deployment", "shop-web", handover="stop_first")["spec"]["replicas"] == 1
    assert not [each for each in objects(alone) if each["kind"] == "PodDisruptionBudget"]


def test_a_deploy_leaves_the_number_of_pods_to_the_autoscaler() -> None:
    assert "replicas" not in one("Deployment", "shop-web", {"max_replicas": 4})["spec"]
    spec = one("HorizontalPodAutoscaler", "shop-web", {"max_replicas": 4})["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 4)


def test_a_schedule_runs_once_at_a_time_and_is_not_repeated() -> None:
    spec = one("CronJob", "shop-summary", **SAMPLE)["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("5 0 * * *", "Europe/Berlin", "Forbid")
    job = spec["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (0, 3600)
    assert "startingDeadlineSeconds" not in spec
    late = {"processes": {"s": {"command": "flask s", "schedule": "daily", "catch_up": False, "timeout_seconds": 0}}}
    assert one("CronJob", "shop-s", **late)["spec"]["startingDeadlineSeconds"] == 120


def test_the_job_of_the_migrations_has_another_name_for_each_version() -> None:
    def name(**changes: Any) -> str:
        (job,) = (each for each in objects(folder(None, **changes)) if each["kind"] == "Job")
        return str(job["metadata"]["name"])

    assert name() == name() != name(environment={"A": "1"})
    assert not [each for each in objects(folder(None, database="none", database_url=...)) if each["kind"] == "Job"]


def test_folders_are_shared_by_all_and_a_processs_own_is_kept_if_it_is_asked_for() -> None:
    claims = {
        each["metadata"]["name"]: each["spec"]["accessModes"]
        for each in objects(folder({"keep_state": ["summary", "mail", "worker"]}, **SAMPLE))
        if each["kind"] == "PersistentVolumeClaim"
    }
    assert claims == {
        "shop-instance-uploads": ["ReadWriteMany"],
        "shop-state-summary": ["ReadWriteOnce"],
        "shop-state-mail": ["ReadWriteOnce"],
        "shop-state-worker": ["ReadWriteMany"],
    }
    worker = pod("Deployment", "shop-worker", **SAMPLE)
    assert {"name": "kept-state-worker", "emptyDir": {}} in worker["volumes"]


def test_processes_and_folders_may_have_any_name() -> None:
    names = ("account", "service", "migrate", "volumes", "kustomization", "hidden")
    changes = {
        "processes": {name: {"command": "flask work", "instances": 2} for name in names},
        "shared_folders": ["tmp", "files", "shm"],
        "metrics_path": "/metrics",
    }
    found = objects(folder(None, **changes))
    keys = [(each["kind"], each["metadata"]["name"]) for each in found]
    assert len(keys) == len(set(keys))
    assert {name for kind, name in keys if kind == "Deployment"} == {f"shop-{name}" for name in ("web", *names)}
    selectors = [
        tuple(each["spec"]["selector"]["matchLabels"].items()) for each in found if each["kind"] == "Deployment"
    ]
    (job,) = (each for each in found if each["kind"] == "Job")
    others = tuple(job["spec"]["template"]["metadata"]["labels"].items())
    assert not [one for one in selectors if set(one) <= set(others)]
    volumes = [volume["name"] for volume in pod("Deployment", "shop-web", **changes)["volumes"]]
    assert len(volumes) == len(set(volumes)) == 5


def test_a_path_for_prometheus_leads_visitors_nowhere() -> None:
    (rule,) = one("Ingress", "shop", **SAMPLE)["spec"]["rules"]
    assert [
        (path["path"], path["backend"]["service"]["name"]) for path in rule["http"]["paths"]
    ] == [("/metrics", "shop-hidden"), ("/", "shop-web")]  # fmt: skip
    assert "selector" not in one("Service", "shop-hidden", **SAMPLE)["spec"]
    rules = one("HTTPRoute", "shop-web", GATEWAY, **SAMPLE)["spec"]["rules"]
    assert [rule["backendRefs"][0]["name"] for rule in rules] == ["shop-hidden", "shop-web"]


def test_a_gateway_redirects_to_https_and_to_the_main_domain() -> None:
    changes = {"domains": ["shop.example.com", "*.shop.example.com"], "redirect_domains": ["www.example.com"]}
    listeners = one("Gateway", "shop", GATEWAY, **changes)["spec"]["listeners"]
    assert [each.get("hostname") for each in listeners] == [None, *changes["domains"], *changes["redirect_domains"]]
    (rule,) = one("HTTPRoute", "shop-redirect", GATEWAY, **changes)["spec"]["rules"]
    assert rule["filters"][0]["requestRedirect"] == {"hostname": "shop.example.com", "statusCode": 301}
    theirs = {"traffic": "gateway", "gateway": "edge/public"}
    assert one("HTTPRoute", "shop-web", theirs)["spec"]["parentRefs"] == [{"name": "public", "namespace": "edge"}]
    assert not [each for each in objects(folder(theirs)) if each["kind"] == "Gateway"]


def test_pods_can_be_reached_by_the_proxy_alone_and_do_not_reach_the_nodes_credentials() -> None:
    closed = one("NetworkPolicy", "shop")["spec"]
    assert "ingress" not in closed and "Ingress" in closed["policyTypes"]
    blocks = [to["ipBlock"] for rule in closed["egress"] for to in rule.get("to", []) if "ipBlock" in to]
    assert "169.254.0.0/16" in blocks[0]["except"]
    (rule,) = one("NetworkPolicy", "shop-web", {"proxy_namespace": "traefik"})["spec"]["ingress"]
    (source,) = rule["from"]
    assert source == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("shop", {"newName": "shop"}),
        ("registry:5000/a/shop", {"newName": "registry:5000/a/shop"}),
        ("registry:5000/a/shop:7", {"newName": "registry:5000/a/shop", "newTag": "7"}),
        ("r/shop@sha256:ab", {"newName": "r/shop", "digest": "sha256:ab"}),
    ],
)
def test_an_image_in_the_words_of_kustomize(image: str, told: dict[str, str]) -> None:
    assert kubernetes._image(image) == told


def test_dollars_of_a_process_are_not_expanded() -> None:
    changes = {"processes": {"w": {"command": "flask w", "environment": {"PRICE": "$(HOME) $$5"}}}}
    env = pod("Deployment", "shop-w", **changes)["containers"][0]["env"]
    assert {"name": "PRICE", "value": "$$(HOME) $$$$5"} in env


def test_gunicorn_has_workers_for_the_pods_cpu_not_for_the_nodes() -> None:
    def workers(settings: dict[str, Any] | None = None, **changes: Any) -> Any:
        env = pod("Deployment", "shop-web", settings, **changes)["containers"][0]["env"]
        return {entry["name"]: entry.get("value") for entry in env}.get("WEB_CONCURRENCY")

    assert workers() == "3"
    assert workers({"cpu_millicores": 2000}) == "5"
    assert workers(workers=4) is None
    assert workers(handover="stop_first") is None
