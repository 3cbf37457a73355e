"""History: the insurers' register of claims, as a REST API in a process of its own."""

from __future__ import annotations

from tools.desk.history import list_prior_claims
from tools.desk.neighbours import HISTORY
from tools.remote.rest_server import rest_application
from tools.remote.serve import serve

PATHS = {"/customers/{customer_id}/claims": list_prior_claims}

if __name__ == "__main__":
    serve(HISTORY, rest_application(HISTORY.name, "1.0", PATHS))
