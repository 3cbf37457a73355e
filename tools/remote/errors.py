"""What a remote system's failures mean; every message says what to do next."""

from __future__ import annotations

from governance.errors import TowerError


class RemoteRefused(TowerError):
    """The system said no, or was never reached: it is certain that it did nothing."""


class RemoteChanged(RemoteRefused):
    """The system isn't the one that the tool was built for, so it wasn't asked."""


class NoAnswer(Exception):
    """The request was sent and no usable answer came.

    No `TowerError`, since the system may have acted: whether it may be asked again depends on the tool.
    """
