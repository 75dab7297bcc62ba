# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""As much of an API server of Kubernetes, and of its controllers, as kubectl needs for a deploy: for tests with the real kubectl.

Objects are kept as they are applied. A Job has ended as soon as it is there, and a Deployment is ready or has failed, as
`fails` says: here by the images in `failing` and `unready`.
"""

from __future__ import annotations

import copy
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REVISION = "deployment.kubernetes.io/revision"
KINDS = {
    ("", "v1"): {
        "namespaces": "Namespace", "configmaps": "ConfigMap", "secrets": "Secret", "services": "Service", "pods": "Pod",
        "serviceaccounts": "ServiceAccount", "persistentvolumeclaims": "PersistentVolumeClaim",
    },
    ("apps", "v1"): {"deployments": "Deployment", "replicasets": "ReplicaSet"},
    ("batch", "v1"): {"jobs": "Job", "cronjobs": "CronJob"},
    ("networking.k8s.io", "v1"): {"networkpolicies": "NetworkPolicy", "ingresses": "Ingress"},
    ("policy", "v1"): {"poddisruptionbudgets": "PodDisruptionBudget"},
}  # fmt: skip


class Cluster:
    """What there is, and what was asked for."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        """By plural and name; there is one namespace."""
        self.written: list[str] = []
        """Kind and name of each object that was created, changed or deleted, in that order."""
        self.failing: set[str] = set()
        """Images whose Jobs fail."""
        self.unready: set[str] = set()
        """Images whose pods don't get ready."""
        self.lock = threading.Lock()

    def put(self, plural: str, found: Object) -> Object:
        """Keep an object, and do what its controller would."""
        meta, name = found["metadata"], found["metadata"]["name"]
        before = self.objects.get((plural, name), {}).get("metadata", {})
        meta |= {"uid": before.get("uid") or str(uuid.uuid4()), "generation": before.get("generation", 0) + 1}
        meta["resourceVersion"] = str(len(self.written) + 1)
        self.written.append(f"{found['kind']} {name}")
        self.objects[plural, name] = found
        if found["kind"] == "Job":
            ended = "Failed" if self.fails(found) else "Complete"
            found["status"] = {
                "conditions": [{"type": "FailureTarget", "status": "False"}, {"type": ended, "status": "True"}]
            }
        elif found["kind"] == "Deployment":
            self._roll(found)
        return found

    def fails(self, found: Object) -> bool:
        """Run a Job or a Deployment, and tell whether that failed."""
        bad = self.failing if found["kind"] == "Job" else self.unready
        return any(one["image"] in bad for one in found["spec"]["template"]["spec"]["containers"])

    def log(self, pod: str) -> str:
        """Return what the POD has said."""
        return ""

    def _roll(self, found: Object) -> None:
        meta, template = found["metadata"], found["spec"]["template"]
        sets = [one for (plural, _), one in self.objects.items() if plural == "replicasets"]
        own = [one for one in sets if one["metadata"]["ownerReferences"][0]["uid"] == meta["uid"]]
        revision = str(1 + max((int(one["metadata"]["annotations"][REVISION]) for one in own), default=0))
        same = next((one for one in own if one["spec"]["template"] == template), None)
        if same:
            same["metadata"]["annotations"][REVISION] = revision
        else:
            name = f"{meta['name']}-{revision}"
            owner = {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": meta["name"],
                "uid": meta["uid"],
                "controller": True,
            }
            told = {
                "name": name, "namespace": meta.get("namespace"), "uid": str(uuid.uuid4()), "ownerReferences": [owner],
                "labels": template["metadata"]["labels"], "annotations": {REVISION: revision},
            }  # fmt: skip
            self.objects["replicasets", name] = {
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": told,
                "spec": {"replicas": 0, "selector": found["spec"]["selector"], "template": copy.deepcopy(template)},
            }  # fmt: skip
        meta.setdefault("annotations", {})[REVISION] = revision
        count, failed = found["spec"].get("replicas", 1), self.fails(found)
        late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        good = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
        found["status"] = {
            "observedGeneration": meta["generation"], "replicas": count, "updatedReplicas": count, "readyReplicas": count,
            "availableReplicas": 0 if failed else count, "conditions": [late if failed else good],
        }  # fmt: skip

    def image(self, deployment: str) -> str:
        found = self.objects["deployments", deployment]
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


class Handler(BaseHTTPRequestHandler):
    cluster: Cluster
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, body: Object, status: int = 200) -> None:
        self.text(json.dumps(body), status, "application/json")

    def text(self, body: str, status: int = 200, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def missing(self) -> None:
        told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        self.answer({**told, "message": f"{self.path} not found"}, 404)

    def place(self) -> tuple[str, str, str, str]:
        """Return group, version, plural and name of what is asked for."""
        parts = urlsplit(self.path).path.strip("/").split("/")
        group, version, rest = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            rest = rest[2:]
        return group, version, rest[0], rest[1] if len(rest) > 1 else ""

    def do_GET(self) -> None:
        parts, query = urlsplit(self.path).path.strip("/").split("/"), parse_qs(urlsplit(self.path).query)
        if parts == ["version"]:
            self.answer({"major": "1", "minor": "37", "gitVersion": "v1.37.0"})
        elif parts == ["api"]:
            self.answer({"kind": "APIVersions", "versions": ["v1"]})
        elif parts == ["apis"]:
            self.answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": [*map(self.group, KINDS)][1:]})
        elif parts[:2] == ["openapi", "v3"]:
            self.openapi("/".join(parts[2:]))
        elif parts[0] not in ("api", "apis"):
            self.missing()
        elif len(parts) == (2 if parts[0] == "api" else 3):
            self.resources(parts)
        elif parts[-3:-2] == ["pods"] and parts[-1] == "log":
            self.text(self.cluster.log(parts[-2]))
        else:
            self.objects(query)

    @staticmethod
    def group(known: tuple[str, str]) -> Object:
        version = {"groupVersion": "/".join(filter(None, known)), "version": known[1]}
        return {"name": known[0], "versions": [version], "preferredVersion": version}

    def resources(self, parts: list[str]) -> None:
        known = KINDS[("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])]
        verbs = ["create", "delete", "get", "list", "patch", "watch"]
        found = [
            {
                "name": plural,
                "singularName": kind.lower(),
                "namespaced": kind != "Namespace",
                "kind": kind,
                "verbs": verbs,
            }
            for plural, kind in known.items()
        ]
        self.answer({"kind": "APIResourceList", "groupVersion": "/".join(parts[1:]), "resources": found})

    def openapi(self, place: str) -> None:
        """Tell that fields are validated by the server, which is why kubectl asks."""
        paths = {
            f"{'apis' if group else 'api'}{f'/{group}' if group else ''}/{version}": (group, version)
            for group, version in KINDS
        }
        if not place:
            self.answer({"paths": {one: {"serverRelativeURL": f"/openapi/v3/{one}"} for one in paths}})
            return
        group, version = paths[place]
        found = {}
        for plural, kind in KINDS[group, version].items():
            which = {"group": group, "version": version, "kind": kind}
            parameters = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]
            patch = {"parameters": parameters, "x-kubernetes-group-version-kind": which, "x-kubernetes-action": "patch"}
            found[f"/{place}/{plural}/{{name}}"] = {"patch": {**patch, "responses": {}}}
        self.answer({"openapi": "3.0.0", "info": {"title": "k", "version": "1"}, "paths": found, "components": {}})

    def objects(self, query: dict[str, list[str]]) -> None:
        group, version, plural, name = self.place()
        if name:
            found = self.cluster.objects.get((plural, name))
            return self.answer(found) if found else self.missing()
        if "watch" in query:  # nothing changes any more once it is there
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            time.sleep(5)
            self.close_connection = True
            return None
        wanted = dict(pair.split("=") for pair in "".join(query.get("labelSelector", [])).split(",") if pair)
        fields = dict(pair.split("=") for pair in "".join(query.get("fieldSelector", [])).split(",") if pair)
        items = [
            one for (kind, key), one in list(self.cluster.objects.items())
            if kind == plural and wanted.items() <= one["metadata"].get("labels", {}).items()
            and fields.get("metadata.name", key) == key
        ]  # fmt: skip
        kind = KINDS[group, version][plural]
        return self.answer(
            {
                "kind": f"{kind}List",
                "apiVersion": "/".join(filter(None, (group, version))),
                "metadata": {},
                "items": items,
            }
        )

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def do_POST(self) -> None:
        found = self.body()
        with self.cluster.lock:
            self.answer(self.cluster.put(self.place()[2], found), 201)

    def do_PATCH(self) -> None:
        _, _, plural, name = self.place()
        patch, before = self.body(), self.cluster.objects[plural, name]
        with self.cluster.lock:
            if isinstance(patch, list):
                found = copy.deepcopy(before)
                for step in patch:
                    *way, last = step["path"].strip("/").split("/")
                    place = found
                    for part in way:
                        place = place[part]
                    place[last] = step["value"]
            else:  # kubectl says in it what the whole object is to be
                found = json.loads(patch["metadata"]["annotations"][APPLIED])
                found["metadata"].setdefault("annotations", {}).update(patch["metadata"]["annotations"])
            self.answer(self.cluster.put(plural, found))

    def do_DELETE(self) -> None:
        _, _, plural, name = self.place()
        self.body()
        found = self.cluster.objects.pop((plural, name))
        self.cluster.written.append(f"-{found['kind']} {name}")
        self.answer({"kind": "Status", "apiVersion": "v1", "status": "Success"})


@contextmanager
def serving(cluster: Cluster, address: str = "127.0.0.1") -> Iterator[str]:
    """Serve a cluster at an address of this machine; yield the text of the file in which kubectl finds it."""
    server = ThreadingHTTPServer((address, 0), type("Own", (Handler,), {"cluster": cluster}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    one = {"name": "c", "cluster": {"server": f"http://{address}:{server.server_port}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": ""}}
    told = {"apiVersion": "v1", "kind": "Config", "clusters": [one], "contexts": [context], "current-context": "c"}
    try:
        yield json.dumps(told)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running(folder: Path) -> Iterator[tuple[Cluster, dict[str, str]]]:
    """Yield a cluster and the environment in which kubectl finds it; FOLDER is for kubectl's files."""
    cluster = Cluster()
    with serving(cluster) as config:
        (folder / "config").write_text(config)
        yield cluster, {"KUBECONFIG": str(folder / "config"), "HOME": str(folder)}
