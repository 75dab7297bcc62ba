# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fixtures of the tests in this folder."""

from fake_host import host
from fake_tools import tool
from source_folders import plain_git, write
from webhook_sink import sink

__all__ = ["host", "plain_git", "sink", "tool", "write"]
