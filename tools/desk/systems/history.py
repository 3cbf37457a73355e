"""History: what customers did before, as a REST API in a process of its own."""

from __future__ import annotations

from tools.desk.neighbours import HISTORY
from tools.desk.signals import claim_history
from tools.remote.rest_server import rest_application
from tools.remote.serve import serve

PATHS = {"/claims/{claim_id}/history": claim_history}

if __name__ == "__main__":
    serve(HISTORY, rest_application(HISTORY.name, "1.0", PATHS))
