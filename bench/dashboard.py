#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How long the dashboard takes, from its address to everything drawn, with thirty days of two apps in the host's store.

    bin/bench dashboard [--debian 12|13] [--runs 5]

Chromium, which has to be installed here, opens the page through nginx, TLS and the password, each time anew and with an empty
cache. Printed are medians and the slowest: when the first graphs' questions went out, when what is wrong was told, when all was
drawn; how long the store's slowest answer took; and the processor time of the store for one look of the whole page.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import months
from browser import PROGRAM, Browser
from common import ROOT, STATE, Host, Inventory, app, check

NAME = "slipway-bench-dashboard"
DOMAIN, USER, PASSWORD = "stats.example.org", "ann", "swift-copper-lantern"
RANGES = ("6h", "24h", "30d")
LOOK_SECONDS = 60
DATA = "/var/lib/prometheus/slipway"
WATCH = """
new MutationObserver(() => {
  const text = (id) => document.getElementById(id)?.textContent ?? "";
  if (!window.told && text("findings") && !text("findings").startsWith("Looking")) window.told = performance.now();
  if (!window.all && !window.failed && text("updated").startsWith("No answer")) window.failed = text("findings");
  // Two frames later, what was drawn is on the screen.
  if (!window.asked && text("updated").startsWith("As of")) {
    window.asked = true;
    requestAnimationFrame(() => requestAnimationFrame(() => { window.all = performance.now(); }));
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
FIGURES = """
new Promise((resolve) => {
  const look = () => {
    if (!window.all && !window.failed) { setTimeout(look, 20); return; }
    const asked = performance.getEntriesByType("resource").filter((one) => one.name.includes("/api/"));
    resolve(JSON.stringify({ failed: window.failed ?? "", told: window.told, all: window.all, requests: asked.length,
      first: Math.min(...asked.map((one) => one.startTime)), last: Math.max(...asked.map((one) => one.responseEnd)),
      slowest: Math.max(...asked.map((one) => one.duration)), bytes: asked.reduce((sum, one) => sum + one.transferSize, 0),
      charts: document.querySelectorAll("canvas").length }));
  };
  look();
})
"""
COLUMNS = {
    "first asked": "first", "problems told": "told", "last answer": "last", "all drawn": "all", "slowest answer": "slowest",
}  # fmt: skip


def set_up(debian: str) -> Host:
    """Bring a site with its dashboard to a host, and thirty days into its store."""
    host = Host.up(NAME, debian)
    one = {**app("shop", ROOT / "sample_app"), "watch_seconds": 0}
    dashboard = {"domain": DOMAIN, "users": {USER: PASSWORD}}
    told = {"slipway_apps": [one], "slipway_metrics": "local", "slipway_dashboard": dashboard}
    Inventory(STATE / "dashboard", [host], told).play("site.yml")
    check(host.address, "shop.localhost")
    folder = STATE / "dashboard/months"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = months.write(folder, int(time.time()), NAME)
    subprocess.run(["podman", "cp", str(folder), f"{NAME}:/root/months"], check=True, capture_output=True)
    shutil.rmtree(folder)
    make = f"promtool tsdb create-blocks-from openmetrics --quiet --max-block-duration={months.BLOCK // 3600}h"
    host.run(
        f"for file in /root/months/*.om; do {make} $file /root/blocks >/dev/null || exit 1; rm $file; done; "
        f"systemctl stop prometheus; mv /root/blocks/* {DATA}/; chown -R --reference={DATA} {DATA}; systemctl start prometheus"
    )
    # The page names the apps that the store knows; this one is not described.
    file = "/usr/local/share/slipway/dashboard/about.json"
    about = json.loads(host.run(f"cat {file}"))
    about["apps"].append({"name": "blog", "domain": "blog.example.org"})
    host.run(f"cat >{file} <<'END'\n{json.dumps(about)}\nEND")
    print(
        f"{count / 1e6:.1f} million samples made up; {host.run(f'du -sm {DATA} | cut -f1')} MB in the store", flush=True
    )
    return host


def used(host: Host) -> float:
    """Return the processor seconds that the store has used."""
    return int(host.run("systemctl show --property=CPUUsageNSec --value prometheus")) / 1e9


def look(host: Host, span: str, picture: Path | None) -> dict[str, Any]:
    """Return when what was there in one look, in milliseconds since the address was typed."""
    before = used(host)
    with Browser([f"--host-resolver-rules=MAP {DOMAIN} {host.address}", "--ignore-certificate-errors"]) as browser:
        for part in ("Page", "Runtime", "Network"):
            browser.call(f"{part}.enable")
        browser.call("Emulation.setDeviceMetricsOverride", width=1440, height=900, deviceScaleFactor=1, mobile=False)
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        browser.call("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {word}"})
        browser.socket.settimeout(LOOK_SECONDS)
        browser.call("Page.navigate", url=f"https://{DOMAIN}/#{span}")
        found: dict[str, Any] = json.loads(browser.value(FIGURES))
        if found["failed"]:
            sys.exit(f"bench: the page says: {found['failed']}")
        if picture:
            taken = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
            picture.write_bytes(base64.b64decode(taken["data"]))
    return found | {"cpu": (used(host) - before) * 1000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", choices=["12", "13"], default="13")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="leave the host, and take one that a former run has left")
    asked = parser.parse_args()
    if not shutil.which(PROGRAM):
        sys.exit(f"bench: {PROGRAM} is missing here: apt-get install --no-install-recommends {PROGRAM}")
    try:
        state = subprocess.run(["podman", "container", "exists", NAME], check=False).returncode
        host = Host.start(NAME, asked.debian) if asked.keep and state == 0 else set_up(asked.debian)
        host.run("timeout 120 sh -c 'until systemctl is-active --quiet prometheus; do sleep 0.5; done'")
        look(host, RANGES[0], None)
        print(f"\nDebian {asked.debian}, median and slowest of {asked.runs} looks with an empty cache, milliseconds")
        print(f"{'':6}" + "".join(f"{name:>18}" for name in COLUMNS) + f"{'store CPU':>18}")
        for span in RANGES:
            pictures = [STATE / f"dashboard/{span}.png", *[None] * (asked.runs - 1)]
            found = [look(host, span, picture) for picture in pictures]
            cells = []
            for key in (*COLUMNS.values(), "cpu"):
                values = [float(one[key]) for one in found]
                cells.append(f"{statistics.median(values):6.0f}, {max(values):5.0f}".rjust(18))
            print(f"{span:6}{''.join(cells)}", flush=True)
        print(
            f"{found[0]['charts']} graphs by {found[0]['requests']} requests, {found[0]['bytes'] / 1e3:.0f} kB of answers"
        )
    finally:
        if not asked.keep:
            Host.down(NAME)


if __name__ == "__main__":
    main()
