# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The harbour's berths, and the flags that it knows."""

from __future__ import annotations

ANCHORAGE = "Anchorage"
BERTHS = (
    "Slip 1",
    "Slip 2",
    "North Quay 1",
    "North Quay 2",
    "East Quay 1",
    "East Quay 2",
    "Fuel Pier",
    ANCHORAGE,
)

# ISO 3166-1 alpha-2 code: name.
COUNTRIES = {
    "BS": "Bahamas",
    "BE": "Belgium",
    "BR": "Brazil",
    "CA": "Canada",
    "CL": "Chile",
    "HR": "Croatia",
    "DK": "Denmark",
    "EE": "Estonia",
    "FI": "Finland",
    "FR": "France",
    "DE": "Germany",
    "GR": "Greece",
    "IS": "Iceland",
    "IN": "India",
    "IE": "Ireland",
    "IT": "Italy",
    "JP": "Japan",
    "LR": "Liberia",
    "MT": "Malta",
    "NL": "Netherlands",
    "NZ": "New Zealand",
    "NO": "Norway",
    "PA": "Panama",
    "PL": "Poland",
    "PT": "Portugal",
    "SG": "Singapore",
    "ES": "Spain",
    "SE": "Sweden",
    "GB": "United Kingdom",
    "US": "United States",
}
