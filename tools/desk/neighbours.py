"""The desk's neighbours: systems that answer some of its tools where they are configured."""

from __future__ import annotations

from tools.remote.system import System

BILLING = System(
    name="billing", version="1.0", transport="tools.remote.mcp", process="tools.desk.systems.billing"
)
"""Invoices, behind an MCP server."""

HISTORY = System(
    name="history", version="1.0", transport="tools.remote.rest", process="tools.desk.systems.history"
)
"""What customers did before, behind a REST API."""

NEIGHBOURS = (BILLING, HISTORY)
