"""Where the desk's datasets are, and the documents that they speak of."""

from __future__ import annotations

from pathlib import Path

from memory.desk.wordings import FOLDER as DOCUMENTS

DATASETS = Path(__file__).parent / "datasets"

__all__ = ["DATASETS", "DOCUMENTS"]
