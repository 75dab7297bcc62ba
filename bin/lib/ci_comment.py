# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Puts a file into the one comment of the pull request that the pipeline is about: GitHub, Forgejo (and Gitea), GitLab.

`ci_comment.py FILE TITLE`. The part of the comment with that title is changed where there is one, and other parts stay; an empty
file changes nothing. The variables are those that the CI systems set, and SLIPWAY_TOKEN, which may write comments. Python's
standard library alone.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MOST_CHARACTERS = 60_000
"""Of all parts together; GitHub takes 65,536, the others more."""
MARK = "<!-- slipway: "
"""So each part begins."""
LINK = re.compile(r"^\s*URL\s+(https://[a-z0-9.-]+(?::\d+)?/)\s*$", re.MULTILINE)
"""Where a site is, as a deploy prints it."""
PAGE = 100
SECONDS = 30
ACTIONS = ("forgejo-actions", "gitea-actions")
"""Whom comments are by that a job's own token writes; GitHub marks such a user as a bot."""
Environment = Mapping[str, str]


class CommentError(RuntimeError):
    """What is wrong, for the user."""


class Comments:
    """The comments of one pull request (ALL), as REST has them; a single one is at ONE.

    The token's user is at ME, HEADERS has the token; UPDATE is the method that changes one.
    """

    def __init__(self, every: str, one: str, me: str, headers: dict[str, str], update: str) -> None:
        self.every, self.one, self.me, self.headers, self.update = every, one, me, headers, update

    def put(self, change: Callable[[str], str]) -> str:
        """CHANGE the text of the own comment, which is "" when there is none yet; return whether it was written or updated."""
        own = self._own()
        for page in range(1, 100):
            found = self._ask("GET", f"{self.every}?per_page={PAGE}&limit={PAGE}&page={page}")
            for comment in found:
                body = str(comment.get("body", ""))
                if body.startswith(MARK) and own(comment.get("user") or comment["author"]):
                    self._ask(self.update, self.one.format(comment["id"]), {"body": change(body)})
                    return "updated"
            if not found:
                break
        self._ask("POST", self.every, {"body": change("")})
        return "written"

    def _own(self) -> Callable[[dict[str, Any]], bool]:
        """Return what tells whether a comment is by this token: anybody can write one that begins with the mark, and change it."""
        try:
            me = self._ask("GET", self.me).get("id")
        except CommentError:  # the tokens of actions are no user's
            return lambda author: author.get("type") == "Bot" or author.get("login") in ACTIONS
        return lambda author: author.get("id") == me

    def _ask(self, method: str, url: str, data: dict[str, str] | None = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        headers = {**self.headers, "Content-Type": "application/json", "Accept": "application/json"}
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            advice = "; SLIPWAY_TOKEN must be allowed to write comments" if error.code in (401, 403, 404) else ""
            raise CommentError(f"{method} {url} answered {error.code}{advice}") from error
        except (OSError, ValueError) as error:
            raise CommentError(f"{method} {url} failed: {error}") from error


def of_github(environment: Environment, token: str) -> Comments:
    """Return the comments where GITHUB_… say: GitHub's actions, and Forgejo's, which set the same."""
    event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text())
    number = (event.get("pull_request") or {}).get("number")
    if not number:
        raise CommentError("this run is not about a pull request")
    api = environment["GITHUB_API_URL"]
    issues = f"{api}/repos/{environment['GITHUB_REPOSITORY']}/issues"
    headers = {"Authorization": f"token {token}", "User-Agent": "slipway"}
    return Comments(f"{issues}/{number}/comments", f"{issues}/comments/{{}}", f"{api}/user", headers, "PATCH")


def of_gitlab(environment: Environment, token: str) -> Comments:
    number = environment.get("CI_MERGE_REQUEST_IID")
    if not number:
        raise CommentError("this run is not about a merge request")
    api = environment["CI_API_V4_URL"]
    notes = f"{api}/projects/{environment['CI_PROJECT_ID']}/merge_requests/{number}/notes"
    return Comments(notes, f"{notes}/{{}}", f"{api}/user", {"PRIVATE-TOKEN": token, "User-Agent": "slipway"}, "PUT")


def comments(environment: Environment) -> Comments:
    token = environment.get("SLIPWAY_TOKEN", "")
    if not token:
        raise CommentError("SLIPWAY_TOKEN is empty: it must be a token that may write comments (docs/ci.md)")
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise CommentError("SLIPWAY_TOKEN is no token: it has blanks or line breaks")
    made = next(
        (make for name, make in (("GITLAB_CI", of_gitlab), ("GITHUB_EVENT_PATH", of_github)) if environment.get(name)),
        None,
    )
    if made is None:
        raise CommentError("this is not a run of GitHub Actions, Forgejo Actions or GitLab CI")
    found = made(environment, token)
    if urlsplit(found.every).scheme != "https" and environment.get("SLIPWAY_PLAIN_HTTP") != "true":
        raise CommentError(
            f"{found.every} is not HTTPS, and would be sent the token; SLIPWAY_PLAIN_HTTP=true allows it"
        )
    return found


def changed(body: str, title: str, said: str) -> str:
    """Return the comment BODY with what was SAID as its part TITLE, in the place that it has or at the end."""
    mark = MARK + re.sub(r"[^\w .,-]", "", title) + " -->"
    parts = dict[str, str]()
    for part in re.split(f"^(?={MARK})", body.replace("\r\n", "\n"), flags=re.MULTILINE):
        parts[part.partition("\n")[0].rstrip()] = part.rstrip() + "\n"
    parts.pop("", None)
    others = sum(len(part) for name, part in parts.items() if name != mark)
    parts[mark] = f"{mark}\n### {title}\n\n{text_of(said, max(0, MOST_CHARACTERS - others))}"
    return "\n".join(parts.values())


def text_of(said: str, most: int) -> str:
    """Return what was SAID as it is, in a fence that nothing in it can close; its end where it is longer than MOST.

    Above it are links to the sites that it names.
    """
    said = said.replace(MARK.rstrip(), "<!- - slipway:")  # it is no part's beginning
    longest = max((len(run) for run in re.findall(r"`+", said)), default=0)
    fence = "`" * max(3, longest + 1)
    cut = said if len(said) <= most else f"… the beginning is left out\n{said[len(said) - most :]}"
    links = "".join(f"<{url}>\n" for url in dict.fromkeys(LINK.findall(said)))
    return f"{links}\n{fence}text\n{cut.strip()}\n{fence}\n".lstrip("\n")


def main(arguments: list[str], environment: Environment) -> int:
    file, title = arguments
    try:
        said = Path(file).read_text(errors="replace")
        if not said.strip():
            print(f"slipway: nothing to say as '{title}'")
            return 0
        done = comments(environment).put(lambda body: changed(body, title, said))
    except (CommentError, KeyError, OSError, ValueError, AttributeError) as error:
        print(f"slipway: the comment could not be written: {error}", file=sys.stderr)
        return 1
    print(f"slipway: the comment '{title}' was {done}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
