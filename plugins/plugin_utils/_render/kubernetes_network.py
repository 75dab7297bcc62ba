# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How visitors reach an app on Kubernetes, and who else may connect to whom: Service, Ingress or Gateway, NetworkPolicy.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_pod as pod
from ansible_collections.slipway.flask.plugins.plugin_utils._render import model
from ansible_collections.slipway.flask.plugins.plugin_utils._render.kubernetes_pod import Object
from ansible_collections.slipway.flask.plugins.plugin_utils._render.kubernetes_workloads import first, metadata
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import Deployment

ISSUER = "cert-manager.io/cluster-issuer"
NAMESPACE = "kubernetes.io/metadata.name"
"""Label that each namespace has with its name, since Kubernetes 1.22."""
GATEWAY = "gateway.networking.k8s.io/v1"
LINK_LOCAL = {"0.0.0.0/0": ["169.254.0.0/16"], "::/0": ["fd00:ec2::254/128", "fe80::/10"]}
"""All addresses, but those at which clouds tell a node's credentials to whoever asks (AWS, Google, Azure and others)."""
Settings = Mapping[str, Any]


def service(app: Deployment) -> Iterator[Object]:
    """Yield the web process's Service, and one that leads nowhere, for paths that visitors are not to see."""
    port = {"name": "http", "port": 80, "targetPort": "http"}
    told: Object = {"apiVersion": "v1", "kind": "Service", "metadata": metadata(app, app.web.name)}
    yield {**told, "spec": {"selector": pod.labels(app, app.web.name), "ports": [port]}}
    if app.front.hidden_paths:
        yield {**told, "metadata": metadata(app, "hidden"), "spec": {"ports": [{"name": "http", "port": 80}]}}


def traffic(app: Deployment, settings: Settings) -> Iterator[Object]:
    """Yield what leads visitors to the Service."""
    if settings["traffic"] == "ingress":
        yield _ingress(app, settings)
    elif settings["traffic"] == "gateway":
        yield from _gateway(app, settings)


def _ingress(app: Deployment, settings: Settings) -> Object:
    def path(to: str, at: str) -> Object:
        return {"path": at, "pathType": "Prefix", "backend": {"service": {"name": to, "port": {"name": "http"}}}}

    paths = [*(path(f"{app.name}-hidden", one) for one in app.front.hidden_paths), path(f"{app.name}-web", "/")]
    size, seconds = f"{app.front.body_mb}m", app.front.timeout_seconds
    annotations = {
        # Other controllers leave these alone, and have no such limits or settings of their own for all sites.
        "nginx.org/client-max-body-size": size,
        "nginx.org/proxy-read-timeout": f"{seconds}s",
        "nginx.ingress.kubernetes.io/proxy-body-size": size,
        "nginx.ingress.kubernetes.io/proxy-read-timeout": str(seconds),
    }
    if settings["issuer"]:
        annotations[ISSUER] = settings["issuer"]
    spec: Object = {"ingressClassName": settings["ingress_class"]} if settings["ingress_class"] else {}
    spec["tls"] = [{"hosts": list(app.front.domains), "secretName": f"{app.name}-tls"}]
    spec["rules"] = [{"host": domain, "http": {"paths": paths}} for domain in app.front.domains]
    told = metadata(app, "web", app.name, annotations=annotations)
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": told, "spec": spec}


def _gateway(app: Deployment, settings: Settings) -> Iterator[Object]:
    """Yield the routes, and the app's own Gateway unless there is one."""
    domains, redirected = app.front.domains, app.front.redirect_domains
    if settings["gateway"]:
        namespace, name = settings["gateway"].split("/")
        parents = {one: [{"name": name, "namespace": namespace}] for one in (*domains, *redirected)}
    else:
        parents = {
            domain: [{"name": app.name, "sectionName": f"https-{number}"}]
            for number, domain in enumerate((*domains, *redirected), 1)
        }
        yield _own_gateway(app, settings)
        to_https = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
        yield _route(app, "plain", [{"name": app.name, "sectionName": "http"}], (*domains, *redirected), to_https)
    hidden = [
        {"matches": [_path(one)], "backendRefs": [{"name": f"{app.name}-hidden", "port": 80}]}
        for one in app.front.hidden_paths
    ]
    rules = [*hidden, {"matches": [_path("/")], "backendRefs": [{"name": f"{app.name}-web", "port": 80}]}]
    yield _route(app, "web", _once(parents, domains), domains, rules=rules)
    if redirected:
        to_main = {"type": "RequestRedirect", "requestRedirect": {"hostname": domains[0], "statusCode": 301}}
        yield _route(app, "redirect", _once(parents, redirected), redirected, to_main)


def _once(parents: Mapping[str, list[Object]], domains: tuple[str, ...]) -> list[Object]:
    found = [parent for domain in domains for parent in parents[domain]]
    return [parent for number, parent in enumerate(found) if parent not in found[:number]]


def _path(value: str) -> Object:
    return {"path": {"type": "PathPrefix", "value": value}}


def _route(
    app: Deployment,
    component: str,
    parents: list[Object],
    domains: tuple[str, ...],
    redirect: Object | None = None,
    rules: list[Object] | None = None,
) -> Object:
    spec = {"parentRefs": parents, "hostnames": list(domains), "rules": rules or [{"filters": [redirect]}]}
    return {"apiVersion": GATEWAY, "kind": "HTTPRoute", "metadata": metadata(app, component), "spec": spec}


def _own_gateway(app: Deployment, settings: Settings) -> Object:
    tls = {"mode": "Terminate", "certificateRefs": [{"name": f"{app.name}-tls"}]}
    listeners: list[Object] = [{"name": "http", "protocol": "HTTP", "port": 80}]
    for number, domain in enumerate((*app.front.domains, *app.front.redirect_domains), 1):
        listeners.append({"name": f"https-{number}", "protocol": "HTTPS", "port": 443, "hostname": domain, "tls": tls})
    more = {"annotations": {ISSUER: settings["issuer"]}} if settings["issuer"] else {}
    return {
        "apiVersion": GATEWAY,
        "kind": "Gateway",
        "metadata": metadata(app, "web", app.name, **more),
        "spec": {"gatewayClassName": settings["gateway_class"], "listeners": listeners},
    }


def policies(app: Deployment, settings: Settings) -> Iterator[Object]:
    """Yield who may connect to the app's pods: nobody, and to those of the web process the proxy; and whom they may reach."""
    everybody: Object = {"matchLabels": {"app.kubernetes.io/name": app.name}}
    dns = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
    outside = [{"ipBlock": {"cidr": cidr, "except": other}} for cidr, other in LINK_LOCAL.items()]
    yield {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": first(app, "all", app.name),
        "spec": {
            "podSelector": everybody,
            "policyTypes": ["Ingress", "Egress"],
            "egress": [dns, {"to": [{"namespaceSelector": {}}, *outside]}],
        },
    }
    who = [settings["proxy_namespace"]] if settings["proxy_namespace"] else []
    if who and app.front.hidden_paths and settings["monitoring_namespace"]:
        who.append(settings["monitoring_namespace"])
    sources = [{"namespaceSelector": {"matchLabels": {NAMESPACE: one}}} for one in who] or [{"namespaceSelector": {}}]
    yield {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": first(app, app.web.name),
        "spec": {
            "podSelector": {"matchLabels": pod.labels(app, app.web.name)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": sources, "ports": [{"protocol": "TCP", "port": model.PORT}]}],
        },
    }
