# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Paths put together to a bounded number of routes, for an app that nobody asks for its own.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ROUTES = 20
"""So many routes has an app at most, beside OTHER."""
OTHER = "other"
VALUE = ":id"
"""What stands for a part of a path that is a value: numbers, UUIDs, hashes, titles."""
SEEN = 3
"""So often must the app have had an answer for a path, or an error of its own, before it is a route: what scanners try never is."""
CANDIDATES = 256
"""So many paths that are no routes yet are counted, and so many folders of them."""
CHILDREN, CHILDREN_OF_ROOT = 8, 30
"""With more names than that in one folder they are values, such as the titles below /blog/."""
STALE_SECONDS = 86400.0
"""A route that nobody has asked for so long gives its place to one that somebody does."""
SEGMENTS = 6
CACHED = 1024

LONGEST = 100
"""Characters of a route; the collector would cut a longer one, and take two that begin alike for one."""

_WORD = re.compile(r"[A-Za-z._~-]{1,30}|[a-z._~-]{0,20}[0-9]{1,2}[a-z._~-]{1,10}|[a-z._~-]{1,20}[0-9]{1,2}")
"""A segment that a programmer has written: letters, with a number of one or two digits at most (v1, oauth2, 2fa)."""


class Routes:
    """The routes of an app, found in what is asked for. SAVED is what `saved` returned of those of before."""

    def __init__(self, saved: Any = None) -> None:
        said = saved if isinstance(saved, Mapping) else {}
        known, wide = said.get("known"), said.get("wide")
        self.known: dict[str, float] = {}
        """Each route with when it was last asked for."""
        for name, at in list(known.items())[:ROUTES] if isinstance(known, Mapping) else []:
            if isinstance(at, (int, float)):
                self.known[str(name)[:250]] = float(at)
        self._wide = {str(name)[:250] for name in wide[:CANDIDATES]} if isinstance(wide, list) else set()
        self._children: dict[str, set[str]] = {}
        self._candidates: dict[str, int] = {}
        self._patterns: dict[bytes, str] = {}

    def saved(self) -> dict[str, Any]:
        """Return what is to be kept, for JSON."""
        return {"known": self.known, "wide": sorted(self._wide)}

    def of(self, path: bytes, status: int, now: float) -> str:
        """Return the route of a request for PATH, answered with STATUS at NOW."""
        found = self._patterns.get(path)
        if found is None:
            if len(self._patterns) >= CACHED:
                self._patterns.clear()
            found = self._patterns[path] = self.pattern(path)
        if found in self.known:
            self.known[found] = now
            return found
        return found if (status < 400 or status == 500) and self._admits(found, now) else OTHER

    def pattern(self, path: bytes) -> str:
        """Return a PATH with its values taken out: `/ships/1234/edit` is `/ships/:id/edit`."""
        segments = path.decode("ascii", "replace").split("/")[1:]
        shown = ""
        for one in segments[:SEGMENTS]:
            whole = f"{shown}/{one}"
            is_word = not one or (_WORD.fullmatch(one) and (shown not in self._wide or whole in self.known))
            whole = whole if is_word else f"{shown}/{VALUE}"
            if len(whole) > LONGEST:
                return f"{shown}/…"
            shown = whole
        return f"{shown}/…" if len(segments) > SEGMENTS else shown or "/"

    def _admits(self, candidate: str, now: float) -> bool:
        """Tell whether CANDIDATE, which is none so far, is a route from now on."""
        if self._widens(candidate):
            return False
        if len(self._candidates) >= CANDIDATES and candidate not in self._candidates:
            self._candidates = {name: count - 1 for name, count in self._candidates.items() if count > 1}
            if len(self._candidates) >= CANDIDATES:
                return False
        self._candidates[candidate] = self._candidates.get(candidate, 0) + 1
        if self._candidates[candidate] < SEEN:
            return False
        if len(self.known) >= ROUTES:
            oldest = min(self.known, key=self.known.__getitem__)
            if now - self.known[oldest] < STALE_SECONDS:
                return False
            del self.known[oldest]
        del self._candidates[candidate]
        self.known[candidate] = now
        return True

    def _widens(self, candidate: str) -> bool:
        """Tell whether CANDIDATE has shown that what is in one of its folders are values: its own route is another one then."""
        folder = ""
        for one in candidate.split("/")[1:]:
            if one != VALUE and folder not in self._wide and len(self._wide) < CANDIDATES:
                if len(self._children) >= CANDIDATES and folder not in self._children:
                    self._children.clear()
                children = self._children.setdefault(folder, set())
                children.add(one)
                if len(children) > (CHILDREN if folder else CHILDREN_OF_ROOT):
                    self._widen(folder)
                    return True
            folder = f"{folder}/{one}"
        return False

    def _widen(self, folder: str) -> None:
        self._wide.add(folder)
        del self._children[folder]
        self._patterns.clear()
        if folder:  # pages of the site itself stay what they are, whatever somebody has tried beside them
            self._candidates = {name: n for name, n in self._candidates.items() if not name.startswith(f"{folder}/")}
            self.known = {name: at for name, at in self.known.items() if not name.startswith(f"{folder}/")}
