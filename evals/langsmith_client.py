"""LangSmith's client for an upload: it ends by a time, is quiet itself, and its errors say what to do."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from textwrap import shorten
from typing import Any

import requests
from langsmith import Client
from langsmith.utils import LangSmithError
from urllib3.util import Retry

from evals.sinks import SinkFailed

LIMIT = timedelta(minutes=10)
"""All of an upload."""

ANSWER_MS = (5_000, 30_000)
"""Connecting, and waiting for one answer."""

BACKOFF_SECONDS = 0.5
SERVER_ERROR = 500
SHOWN = 300
OF_THE_SDK = re.compile(r"\nContent-Length|\nAPI Key|(\s*;)?\s*trace=")
"""From here on an error holds ids of all runs, or parts of the key."""

AGAIN = "then `tower eval upload` again, which completes what is there"
ADVICE = {
    401: f"check LANGSMITH_API_KEY, {AGAIN}",
    403: f"check LANGSMITH_API_KEY and LANGSMITH_WORKSPACE_ID, {AGAIN}",
    429: f"it was asked too often: wait some minutes, {AGAIN}",
}
BROKEN = f"it is out of order and your key isn't to blame: wait until it works, {AGAIN}"
ELSEWHERE = f"see whether LANGSMITH_ENDPOINT is a LangSmith that answers, {AGAIN}"


class Hurried(requests.Session):
    """A session whose requests all end by one time, those of the SDK's own threads too."""

    def __init__(self, limit: timedelta) -> None:
        super().__init__()
        self.until = time.monotonic() + limit.total_seconds()

    def request(self, *args: Any, **more: Any) -> requests.Response:
        """Send a request and wait no longer than is left."""
        left = self.until - time.monotonic()
        if left <= 0:
            msg = "the time for the upload is over"
            raise requests.ReadTimeout(msg)
        more["timeout"] = tuple(min(each, left) for each in more["timeout"])
        return super().request(*args, **more)


@contextmanager
def connected(
    limit: timedelta = LIMIT, where: Mapping[str, str] | None = None
) -> Iterator[tuple[Client, Callable[[], None]]]:
    """Have a client, and what sends all that waits and raises what went wrong on the way.

    Args:
        where: `api_url` and `api_key`, if they aren't those of the environment.

    Raises:
        SinkFailed: Whatever the SDK raised, with what to do next.
    """
    errors: list[Exception] = []
    session, logger = Hurried(limit), logging.getLogger("langsmith")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    # Not after a read that took too long, nor as late as an answer asks for: that adds up to minutes.
    retries = Retry(
        2,
        read=0,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        backoff_factor=BACKOFF_SECONDS,
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    client = Client(
        (where or {}).get("api_url"),
        api_key=(where or {}).get("api_key"),
        session=session,
        timeout_ms=ANSWER_MS,
        retry_config=retries,
        tracing_mode="langsmith",
        tracing_sampling_rate=1.0,
        tracing_error_callback=errors.append,
    )

    def flush() -> None:
        client.flush(timeout=max(0.0, session.until - time.monotonic()))
        if errors:
            raise errors[0]

    try:
        yield client, flush
    except (LangSmithError, requests.RequestException, ValueError, TypeError, LookupError) as error:
        raise SinkFailed(_told(error)) from error
    finally:
        session.until = 0.0  # what still waits fails at once
        client.close(timeout=ANSWER_MS[0] / 1000)
        logger.setLevel(level)


def _told(error: Exception) -> str:
    said = shorten(OF_THE_SDK.split(str(error))[0], SHOWN)
    if not isinstance(error, LangSmithError | requests.Timeout):
        return f"LANGSMITH_ENDPOINT answers, but not as LangSmith does ({said}); {ELSEWHERE}"
    status: int = getattr(getattr(error.__context__, "response", None), "status_code", 0)
    if status in ADVICE or status >= SERVER_ERROR:
        return f"LangSmith refused: {said}; {ADVICE.get(status, BROKEN)}"
    return f"LangSmith didn't take the results: {said}; {ELSEWHERE}"
