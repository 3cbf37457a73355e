"""Owners: which team answers for each policy."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath

from governance.cedar_schema import PolicyError

OWNERS = "owners.toml"
OTHERS = "*"
"""In `owners.toml`: every file of the folder, and of those below, that isn't named."""


class Owners:
    """What the `owners.toml` of some folders say; a policy's own `@owner` comes first."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Read the files.

        Args:
            texts: Path of an `owners.toml` → what stands in it.

        Raises:
            PolicyError: One isn't a table of names.
        """
        self._folders: dict[PurePosixPath, dict[str, str]] = {}
        for path, text in texts.items():
            try:
                table = tomllib.loads(text)
            except tomllib.TOMLDecodeError as error:
                msg = f"{path}: {error}"
                raise PolicyError(msg) from error
            if not all(isinstance(team, str) and team for team in table.values()):
                msg = f'{path}: each line is `file = "team"`, or `"{OTHERS}" = "team"`'
                raise PolicyError(msg)
            self._folders[PurePosixPath(path).parent] = table

    def of(self, path: str, policy: str, annotations: Mapping[str, str]) -> str:
        """The team that answers for a policy of a file.

        Raises:
            PolicyError: Nobody does.
        """
        if annotations.get("owner"):
            return annotations["owner"]
        file = PurePosixPath(path)
        for folder in file.parents:
            table = self._folders.get(folder, {})
            team = table.get(file.stem if folder == file.parent else OTHERS) or table.get(OTHERS)
            if team:
                return team
        msg = (
            f'{path}: nobody answers for policy {policy}; give it an @owner("…") or name the file in {OWNERS}'
        )
        raise PolicyError(msg)
