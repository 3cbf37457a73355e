"""Billing: the system that keeps invoices, as an MCP server in a process of its own."""

from __future__ import annotations

from tools.desk.billing import get_invoice, list_invoices
from tools.desk.neighbours import BILLING
from tools.remote.mcp_server import PATH, mcp_application
from tools.remote.serve import serve

if __name__ == "__main__":
    serve(BILLING, mcp_application(BILLING.name, "1.0", [list_invoices, get_invoice]), PATH)
