# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The filter `fleet_hosts`, by which playbooks find their hosts."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.filter import fleet


def test_hosts_of_all_groups_come_once() -> None:
    groups = {"all": ["a", "b"], "web": ["a"], "db": ["b", "a"]}
    assert fleet.of_groups(groups) == ["a", "b"]
    assert fleet.of_groups(groups, ["worker"]) == []


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"all": ["a"], "ungrouped": [], "webs": ["a"]}, "its groups are webs. Rename 'webs' to 'web'"),
        ({"all": ["a"], "ungrouped": ["a"]}, "it has no groups. Put your hosts into a group 'web'"),
        ({"all": ["a"], "ungrouped": [], "prod": ["a"]}, "its groups are prod. Put your hosts into a group 'web'"),
    ],
)
def test_an_inventory_without_any_of_the_groups_is_refused(groups: dict[str, list[str]], said: str) -> None:
    """Ansible itself only warns that no host matched, and ends well."""
    with pytest.raises(AnsibleFilterError, match=said):
        fleet.of_groups(groups)


def test_an_inventory_without_hosts_can_be_checked_for_syntax() -> None:
    assert fleet.of_groups({"all": [], "ungrouped": []}) == []
