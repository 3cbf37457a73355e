"""HTTP to remote systems: answers of bounded size, no redirects, and errors in our words."""

from __future__ import annotations

import asyncio
import ssl
from functools import cache
from typing import TYPE_CHECKING, NoReturn

import httpx

from tools.remote.errors import NoAnswer, RemoteRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tools.remote.system import Link

MOST_BYTES = 4_000_000
"""Of one answer."""

_tls = cache(ssl.create_default_context)


class Unreadable(httpx.TransportError):
    """An answer is larger than we read, or of another form than was asked for."""


class _Bounded(httpx.AsyncBaseTransport):
    """Reads at most so much of an answer, before anybody parses it."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # What is compressed could be a thousand times as large as it looks.
        request.headers["Accept-Encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            msg = "the answer is compressed, which was not asked for"
            raise Unreadable(msg)
        body = b"".join([part async for part in _counted(response)])
        await response.aclose()
        return httpx.Response(response.status_code, headers=response.headers, content=body)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _counted(response: httpx.Response) -> AsyncIterator[bytes]:
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MOST_BYTES:
            await response.aclose()
            msg = f"the answer is larger than {MOST_BYTES} bytes"
            raise Unreadable(msg)
        yield part


async def connect(link: Link) -> httpx.AsyncClient:
    """A client for one call: bound to this call's event loop, and to nothing longer."""
    transport = _Bounded(httpx.AsyncHTTPTransport(verify=await asyncio.to_thread(_tls)))
    return httpx.AsyncClient(transport=transport, headers=dict(link.headers), timeout=link.seconds)


def explain(link: Link, error: Exception) -> NoReturn:
    """Raise an HTTP error as what it means.

    Raises:
        RemoteRefused: It was never reached, or said no.
        TimeoutError: It was asked, and didn't answer in time.
        NoAnswer: It was asked, and what it did is unknown.
    """
    variable = f"TOWER_{link.system.upper()}"
    if isinstance(
        error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol)
    ):
        msg = f"{link.system} can't be reached at {link.url}; start it, or correct {variable}_URL"
        raise RemoteRefused(msg) from error
    if isinstance(error, httpx.TimeoutException):
        raise TimeoutError from error
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            msg = f"{link.system} doesn't take our key; set {variable}_KEY to the key that its owner gave you"
            raise RemoteRefused(msg) from error
        if status < httpx.codes.INTERNAL_SERVER_ERROR:
            msg = f"{link.system} refused the request ({status}): {_said(error.response)}"
            raise RemoteRefused(msg) from error
        msg = f"{link.system} failed ({status}); try again later, or report it to its owner"
        raise NoAnswer(msg) from error
    msg = f"{link.system} gave no usable answer ({str(error) or type(error).__name__}); try again later"
    raise NoAnswer(msg) from error


def _said(response: httpx.Response) -> str:
    return " ".join(response.text.split())[:300] if response.is_stream_consumed else response.reason_phrase
