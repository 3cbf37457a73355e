"""Ranking by words: the same in each process."""

from __future__ import annotations

import os
import subprocess
import sys

PRINTS = """
from memory.ranking import Lexicon
texts = [f"word{n} " * n + "storm hail water pipe kitchen flood garage bicycle lock" for n in range(1, 9)]
asked = "Does storm, hail or water from a pipe in the kitchen or garage count, and my bicycle with its lock?"
print(Lexicon(texts[:5]).scores(asked), Lexicon(["storm", "hail roof", "lock pipe water"]).scores(asked))
"""


def test_scores_are_the_same_to_the_last_digit_whatever_the_order_of_sets():
    said = {
        subprocess.run(
            [sys.executable, "-c", PRINTS],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(6)
    }
    assert len(said) == 1
