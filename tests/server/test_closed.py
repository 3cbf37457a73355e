"""What the server itself would tell or take from anybody, over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from graphs.http_app import MOST
from tests.server.running import Server


@pytest.mark.parametrize("path", ["/metrics", "/metrics?format=json", "/info", "/docs", "/openapi.json"])
def test_what_runs_here_is_told_to_people_with_a_key(server: Server, path: str):
    answers = [
        httpx.get(server.url + path, headers=headers, timeout=30).status_code
        for headers in ({}, {"x-api-key": "sam.wrong"}, {"x-api-key": server.key("sam")})
    ]

    assert answers == [401, 401, 200]


@pytest.mark.parametrize("path", ["/ok", "/", "/ready"])
def test_a_load_balancer_shows_no_key(server: Server, path: str):
    assert httpx.get(server.url + path, timeout=30).status_code == 200


def test_a_body_that_is_announced_too_large_is_not_read(server: Server):
    """Not a byte of it is sent here, and the answer comes all the same."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    lines = (
        "POST /threads HTTP/1.1",
        f"Host: {host}",
        f"x-api-key: {server.key('sam')}",
        f"Content-Length: {MOST + 1}",
    )
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = connection.makefile("rb").read().decode()

    assert answer.startswith("HTTP/1.1 413")
    assert "send fewer or smaller" in answer


def test_a_body_of_unknown_length_is_counted_as_it_comes(server: Server):
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 10 * MOST:
            sent += 1_000_000
            yield b" " * 1_000_000

    headers = {"x-api-key": server.key("sam"), "Content-Type": "application/json"}
    try:
        status = httpx.post(
            f"{server.url}/threads", headers=headers, content=endless(), timeout=60
        ).status_code
    except httpx.TransportError:  # it hung up in the midst of it
        status = 413

    assert status == 413
    assert sent < 3 * MOST
