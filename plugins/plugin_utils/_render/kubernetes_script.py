# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""deploy.sh beside an app's objects: `kubectl apply` neither waits for migrations nor goes back when pods don't get ready.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_workloads as workloads
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import Deployment

SCRIPT = """\
#!/bin/sh
# Written by Slipway's playbooks/render.yml.
# Brings @NAME@ to the cluster that kubectl leads to: settings, migrations, the new pods beside the old ones, schedules. If the
# new pods don't get ready, the old ones stay, and what was updated goes back. Arguments are options of kubectl, as in
# `deploy.sh --context=production`.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
objects=$(mktemp)
trap 'rm -f "$objects"' EXIT
kubectl kustomize "$folder/overlays/@STAGE@" >"$objects"
mine=app.kubernetes.io/name=@NAME@

kubectl apply "$@" -f "$objects" -l @STEP@=@SETTINGS@
@KEPT@@MIGRATION@
before=$(kubectl get "$@" -n @NAMESPACE@ deployment -l "$mine" -o \\
    'jsonpath={range .items[*]}{.metadata.name}={.metadata.annotations.deployment\\.kubernetes\\.io/revision} {end}')
failed=
if kubectl apply "$@" -f "$objects" -l '@STEP@ notin (@SETTINGS@,@MIGRATE@,@LAST@)'; then
    for one in @DEPLOYMENTS@; do
        kubectl rollout status "$@" -n @NAMESPACE@ "deployment/$one" || failed="$failed $one"
    done
else
    failed=' kubectl apply'
fi
if [ -n "$failed" ]; then
    echo "@NAME@: failed:$failed; what was updated goes back" >&2
    for one in $before; do # one that is still at its revision is left alone
        kubectl rollout undo "$@" -n @NAMESPACE@ "deployment/${one%%=*}" --to-revision="${one#*=}" || :
    done
    exit 1
fi
@SCHEDULES@"""
MIGRATION = """
# A Job's pods can't be changed, so that of the last deploy gives way.
job=@STEP@=@MIGRATE@,$mine
kubectl delete "$@" -n @NAMESPACE@ job -l "$job" --ignore-not-found
kubectl apply "$@" -f "$objects" -l @STEP@=@MIGRATE@
seconds=0
while :; do
    state=$(kubectl get "$@" -n @NAMESPACE@ job -l "$job" -o \\
        'jsonpath={range .items[*].status.conditions[?(@.status=="True")]}{.type} {end}')
    case " $state" in
    *' Complete '*) break ;;
    *' Failed '*)
        kubectl logs "$@" -n @NAMESPACE@ -l "app.kubernetes.io/component=@COMPONENT@,$mine" --tail=50 >&2 || :
        echo "@NAME@: the migrations failed; nothing was updated" >&2
        exit 1
        ;;
    esac
    sleep 1
    seconds=$((seconds + 1))
    [ $((seconds % 30)) -ne 0 ] || kubectl get "$@" -n @NAMESPACE@ pod -l "app.kubernetes.io/component=@COMPONENT@,$mine" >&2
done
"""
KEPT = """
# Without the file, whoever deploys has no part in the secrets: they are in the cluster.
[ ! -f "$folder/@SECRETS@" ] || kubectl apply "$@" -f "$folder/@SECRETS@"
"""
SECRETS = "secrets/secrets.yaml"
SCHEDULES = 'kubectl apply "$@" -f "$objects" -l @STEP@=@LAST@\n'


def deploy(app: Deployment, namespace: str, stage: str) -> str:
    """Return the script for APP, whose overlay is called STAGE."""
    words = {
        "KEPT": KEPT,
        "SECRETS": SECRETS,
        "MIGRATION": MIGRATION if app.migrate else "",
        "SCHEDULES": SCHEDULES if app.schedules else "",
        "COMPONENT": workloads.MIGRATIONS,
        "NAMESPACE": namespace,
        "NAME": app.name,
        "STAGE": stage,
        "STEP": workloads.STEP,
        "SETTINGS": workloads.SETTINGS,
        "MIGRATE": workloads.MIGRATE,
        "LAST": workloads.LAST,
        "DEPLOYMENTS": " ".join(f"{app.name}-{process.name}" for process in (app.web, *app.workers)),
    }
    text = SCRIPT
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
