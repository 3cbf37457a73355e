"""The clinic's way in over HTTP."""

from __future__ import annotations

from graphs.clinic.domain import DOMAIN
from graphs.http import http_door

auth = http_door(DOMAIN)
