"""Settings: everything that the environment decides, read in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

# Read once: asking for the working directory is a blocking call, which has no place on an event loop.
_STARTED_IN = Path.cwd()


@dataclass(frozen=True, slots=True)
class Settings:
    """Where this deployment keeps its things.

    Attributes:
        home: Folder for databases, keys and vectors (`TOWER_HOME`, default `.tower`).
        database_url: One database server for desk, control plane and checkpoints
            (`TOWER_DATABASE_URL`); without it each is an SQLite file under `home`.
        vectors_folder: Where indexes of documents lie (`TOWER_VECTORS`, default `home/vectors`);
            several homes may share it, since an index is named by its content.
    """

    home: Path
    database_url: str | None = None
    vectors_folder: Path | None = None

    @classmethod
    def from_env(cls) -> Settings:
        """Read the settings from the environment."""
        return cls(
            home=_STARTED_IN / os.environ.get("TOWER_HOME", ".tower"),
            database_url=os.environ.get("TOWER_DATABASE_URL") or None,
            vectors_folder=_STARTED_IN / vectors if (vectors := os.environ.get("TOWER_VECTORS")) else None,
        )

    @property
    def vectors(self) -> Path:
        """Folder of the document indexes."""
        return self.vectors_folder or self.home / "vectors"

    def url(self, store: str) -> str:
        """The URL of the `desk`, `control` or `checkpoints` store (`sqlite:///…` or `postgresql://…`)."""
        specific = os.environ.get(f"TOWER_{store.upper()}_URL")
        return specific or self.database_url or f"sqlite:///{self.home / store}.db"
