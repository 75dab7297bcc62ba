# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The script beside a stack: servers, then migrations, then all services together, and all of them back if one fails.

Swarm itself starts, checks and goes back, service by service; the script only keeps the order, and makes one of many.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Sequence

LABEL = "slipway.deploy"
"""On each service: which rendering it is of. So a deploy is an update of all services, and all can go back together."""

SCRIPT = r"""#!/bin/sh
# Deploys STACK to the swarm of this Docker, or takes it back: deploy.sh [rollback]. Written by Slipway.
# It is run on a manager, or with DOCKER_HOST=ssh://MANAGER; a second run of the same stack changes nothing.
set -eu
cd "$(dirname "$0")"
app=APP
mark=MARK
services="SERVICES"
servers="SERVERS"
data_label=DATA
seconds=${WAIT_SECONDS:-1800}

say() { echo "$app: $*"; }
fail() { echo "$app: $*" >&2; exit 1; }
field() { docker service inspect --format "$2" "${app}_$1" 2>/dev/null || true; }
of() { field "$1" '{{index .Spec.Labels "slipway.deploy"}}'; }
# One question, for each may go over SSH: how its update goes, when that began, and what its tasks are made of: only what this
# has changed is updated.
form='{{with .UpdateStatus}}{{.State}}|{{.StartedAt}}{{else}}|{{end}}|{{json .Spec.TaskTemplate}}{{json .Spec.EndpointSpec}}'
look() {
    told=$(field "$1" "$form")
    state=${told%%|*}
    told=${told#*|}
    begun=${told%%|*}
    made_of=$(printf %s "${told#*|}" | cksum | tr ' ' _)
}
nothing=$(printf '' | cksum | tr ' ' _)
each() { for service in $1; do look "$service"; echo "$service $made_of $begun"; done; }

# Deploys a file of the stack; Docker's own words are shown if it refuses, or warns.
stack() {
    told=$(docker stack deploy --with-registry-auth --compose-file "$1" "$app" 2>&1) || fail "$told"
    printf '%s\n' "$told" | grep -vE '^$|^(Creating|Updating) |--detach=false' >&2 || true
}

# Whether as many tasks run as should, of the spec that the service has now.
whole() {
    docker service ls --filter "name=${app}_$1" --format '{{.Name}} {{.Replicas}}' |
        awk -v name="${app}_$1" '$1 == name { split($2, n, "/"); found = 1; ok = n[1] == n[2] } END { exit !(found && ok) }'
}

# Tasks that ended by themselves, or that were unhealthy: whoever is asked to stop has shut down.
ended() {
    docker service ps --no-trunc --format '{{.ID}} {{.CurrentState}}' "${app}_$1" |
        awk '$2 == "Failed" || $2 == "Rejected" || $2 == "Complete" { print $1 }'
}

reason() {
    last=$(ended "$1" | xargs -r docker inspect --type task --format '{{.Status.Timestamp}} {{.ID}}' | sort | tail -n 1)
    [ -n "$last" ] || return 0
    docker inspect --type task --format "  $1: a task ended: {{.Status.State}} {{.Status.Err}}" "${last##* }"
    docker service logs --raw --tail 10 "${last##* }" 2>&1 | sed 's/^/  | /'
}

# Waits for a service; $2 is what `each` said before the deploy. 1: it goes back, or waits for somebody.
settled() {
    was=$(echo "$2" | sed -n "s/^$1 //p")
    left=$seconds
    while [ "$left" -gt 0 ]; do
        look "$1"
        [ "$begun" != "${was#* }" ] || state=  # that was the update before
        case $state in
        rollback_started | rollback_completed | rollback_paused | paused) return 1 ;;
        completed) whole "$1" && return 0 ;;
        '')
            if [ "${was%% *}" = "$nothing" ] || [ "${was%% *}" = "$made_of" ]; then
                whole "$1" && return 0
                # A new service has nothing to go back to: Swarm would start it again and again, and remembers 4 that ended.
                [ "$(ended "$1" | wc -l)" -lt 3 ] || return 1
            fi
            ;;
        esac
        sleep 1
        left=$((left - 1))
    done
    return 1
}

# Takes all services back to what they were before; those that are back by themselves, or had no before, stay.
back() {
    for service in $services; do
        [ "$(of "$service")" = "$1" ] || continue
        docker service rollback --detach "${app}_$service" >/dev/null 2>&1 || say "$service is new and stays"
    done
    for service in $services; do
        left=$seconds
        while [ "$left" -gt 0 ]; do
            look "$service"
            case $state in
            updating | rollback_started) ;;
            *) break ;;
            esac
            sleep 1
            left=$((left - 1))
        done
    done
}

if [ "${1:-}" = rollback ]; then
    first=${services%% *}
    live=$(of "$first")
    [ -n "$live" ] || fail "nothing is deployed"
    back "$live"
    [ "$(of "$first")" != "$live" ] || fail "there is nothing to go back to"
    say "back to $(field "$first" '{{index .Spec.Labels "slipway.release"}}'); the database stays as the migrations left it"
    exit 0
fi
[ $# -eq 0 ] || fail "usage: deploy.sh [rollback]"

done=yes
for service in $services; do
    if [ "$(of "$service")" != "$mark" ] || ! whole "$service"; then done= && break; fi
done
if [ -n "$done" ]; then
    say "RELEASE is deployed already"
    exit 0
fi

if [ -n "$servers" ]; then
    nodes=$(docker node ls --filter "node.label=$data_label=true" --quiet | wc -l)
    if [ "$nodes" -ne 1 ]; then
        fail "one node keeps the data of: $servers. Choose it with: docker node update --label-add $data_label=true NODE"
    fi
    say "servers: $servers"
    earlier=$(each "$servers")
    stack servers.yaml
    for service in $servers; do
        settled "$service" "$earlier" || { reason "$service" >&2; fail "$service does not run; nothing of the app was changed"; }
    done
fi

if [ -f migrate.yaml ]; then
    say "migrations"
    stack migrate.yaml
    job=${app}_migrate
    turn=$(docker service inspect --format '{{.JobStatus.JobIteration.Index}}' "$job")
    left=$seconds
    ended=
    while [ -z "$ended" ] && [ "$left" -gt 0 ]; do
        for task in $(docker service ps --quiet "$job"); do
            told=$(docker inspect --type task --format '{{with .JobIteration}}{{.Index}}{{end}} {{.Status.State}}' "$task" || true)
            case $told in
            "$turn complete") ended=well ;;
            "$turn failed" | "$turn rejected") ended=badly ;;
            esac
        done
        [ -n "$ended" ] || sleep 1
        left=$((left - 1))
    done
    if [ "$ended" != well ]; then
        reason migrate >&2
        fail "the migrations failed, and nothing else was changed: the release before goes on serving"
    fi
fi

say "services: $services"
earlier=$(each "$services")
stack stack.yaml
for service in $services; do
    if ! settled "$service" "$earlier"; then
        reason "$service" >&2
        say "$service failed: all services go back"
        back "$mark"
        fail "RELEASE was not deployed; the release before serves"
    fi
done

# What the description has no more, and the secrets and settings that neither this release nor the one before has.
for service in $(docker service ls --filter "label=com.docker.stack.namespace=$app" --format '{{.Name}}'); do
    case " $services $servers migrate " in
    *" ${service#"${app}_"} "*) ;;
    *) docker service rm "$service" >/dev/null && say "${service#"${app}_"} removed" ;;
    esac
done
used=$(docker service ls --filter "label=com.docker.stack.namespace=$app" --quiet |
    xargs docker service inspect | sed -n 's/^ *"\(Secret\|Config\)Name": "\(.*\)",*$/\2/p' | sort -u)
for kind in secret config; do
    for name in $(docker $kind ls --filter "label=com.docker.stack.namespace=$app" --format '{{.Name}}'); do
        echo "$used" | grep -qxF "$name" || docker $kind rm "$name" >/dev/null 2>&1 || true
    done
done
say "RELEASE serves"
"""


def script(app: str, release: str, mark: str, services: Sequence[str], servers: Sequence[str], label: str) -> str:
    """Return deploy.sh for APP, whose SERVICES all run its RELEASE; MARK is that of the stack, LABEL that of the data's node."""
    words = {
        "STACK": f"the stack {app}",
        "APP": app,
        "MARK": mark,
        "SERVICES": " ".join(services),
        "SERVERS": " ".join(servers),
        "DATA": label,
        "RELEASE": release or "this release",
    }
    lines = []
    for line in SCRIPT.lstrip("\n").splitlines():
        for name, value in words.items():
            line = _put(line, name, value)
        lines.append(line)
    return "\n".join(lines) + "\n"


def _put(line: str, name: str, value: str) -> str:
    """Return LINE with the placeholder NAME replaced where it stands: after `=`, or as a word of a message."""
    if line.endswith((f"={name}", f'="{name}"')):
        return line.replace(name, value)
    return line.replace(name, value) if name in ("STACK", "RELEASE") else line
