"""Verification of the audit log: is it whole, and if not, which entry is the first that isn't."""

from __future__ import annotations

from dataclasses import dataclass

from governance.anchors import Anchor, merge
from governance.audit import COLUMNS, AuditLog, dropped, entry_hash, page, stored_anchors
from governance.clock import stamp
from governance.connections import Row
from governance.schema_sql import GENESIS
from governance.store import Tx

_SEQ, _PREV, _HASH = COLUMNS.index("seq"), COLUMNS.index("prev"), COLUMNS.index("hash")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found.

    Attributes:
        entries: How many entries were found good, from the first on.
        anchors: How many anchors the log agreed with.
        broken: Number of the first entry that is not as it was written, or None.
        problem: `altered`, `missing`, `reordered`, `truncated`, `forged`, `rewritten`,
            `unanchored` or empty.
        message: One sentence for people.
    """

    whole: bool
    entries: int
    anchors: int
    broken: int | None = None
    problem: str = ""
    message: str = ""


class _Broken(Exception):
    def __init__(self, seq: int, problem: str, message: str) -> None:
        self.seq, self.problem, self.message = seq, problem, message


def verify(log: AuditLog) -> Verdict:
    """Check every entry, every link and every anchor, in constant memory.

    Raises:
        ControlUnavailable: The log can't be read.
    """
    # Read before the database: an anchor is kept only once its entry is committed.
    kept = log.anchors.kept()
    return log.store.read_sync(lambda tx: _Check(tx, log, kept).verdict())


class _Check:
    def __init__(self, tx: Tx, log: AuditLog, kept: list[Anchor]) -> None:
        self._tx = tx
        self._log = log
        self._anchors = merge(kept, stored_anchors(tx))
        self._seq = 0
        self._hash = GENESIS
        self._agreed = 0
        self._base = 0

    def verdict(self) -> Verdict:
        try:
            for anchor in self._anchors:
                if anchor.seq < 1:
                    self._check_signature(anchor)
            self._begin()
            while rows := page(self._tx, self._seq):
                for row in rows:
                    self._check_entry(row)
            self._check_end()
        except _Broken as found:
            return Verdict(False, self._seq, self._agreed, found.seq, found.problem, found.message)
        entries = f"{self._seq - self._base} entries" + (f" after {self._base}, sealed" if self._base else "")
        message = f"the log is whole: {entries}, {self._agreed} anchors"
        return Verdict(True, self._seq, self._agreed, message=message)

    def _begin(self) -> None:
        """Begin after what was dropped as a sealed segment, if a trusted key says that it might be."""
        last, seal = dropped(self._tx)
        if seal and self._log.anchors.genuine(seal) and seal.until <= stamp(self._log.clock()):
            self._base = self._seq = last
            self._hash = seal.hash
            for anchor in self._anchors:
                if anchor.seq == last and anchor.hash != seal.hash:
                    raise self._rewritten(last)
            self._anchors = [anchor for anchor in self._anchors if anchor.seq > last]

    def _check_signature(self, anchor: Anchor) -> None:
        if not self._log.anchors.genuine(anchor):
            message = (
                f"the anchor at entry {anchor.seq} carries no signature of a trusted key: it was forged, "
                f"or its public key is missing from {self._log.anchors.key_path.parent}"
            )
            raise _Broken(anchor.seq, "forged", message)

    def _check_entry(self, row: Row) -> None:
        expected = self._seq + 1
        if row[_SEQ] != expected:
            raise _Broken(expected, "missing", f"entry {expected} is missing; the next one is {row[_SEQ]}")
        if entry_hash(row) != row[_HASH] or row[_PREV] != self._hash:
            raise self._diagnose(row, expected)
        while self._agreed < len(self._anchors) and self._anchors[self._agreed].seq == expected:
            self._check_signature(self._anchors[self._agreed])
            if self._anchors[self._agreed].hash != row[_HASH]:
                raise self._rewritten(expected)
            self._agreed += 1
        self._seq, self._hash = expected, row[_HASH]

    def _diagnose(self, row: Row, expected: int) -> _Broken:
        """Say how a row came not to fit: moved here from elsewhere, or altered in place."""
        home = self._seq_of_hash(row[_HASH])
        moved = home is not None and home != expected and entry_hash((home, *row[1:])) == row[_HASH]
        if moved:
            return _Broken(expected, "reordered", f"entry {home} stands in the place of entry {expected}")
        if entry_hash(row) == row[_HASH]:
            message = f"entry {expected} doesn't follow entry {self._seq}: one of the two was replaced"
            return _Broken(max(self._seq, 1), "altered", message)
        return _Broken(expected, "altered", f"entry {expected} was altered after it was written")

    def _seq_of_hash(self, wanted: str) -> int | None:
        """Where the entry with this hash was written: before the one that names it, or at the head."""
        for sql in ("SELECT seq - 1 FROM audit WHERE prev = ?", "SELECT seq FROM audit_head WHERE hash = ?"):
            found = self._tx.one(sql, (wanted,))
            if found:
                return int(found[0])
        return None

    def _rewritten(self, seq: int) -> _Broken:
        before = self._anchors[self._agreed - 1].seq if self._agreed else 0
        message = (
            f"entries from {before + 1} to {seq} were rewritten: they agree with each other, "
            f"but not with the anchor signed at entry {seq}"
        )
        return _Broken(before + 1, "rewritten", message)

    def _check_spacing(self) -> None:
        """No stretch is longer than the anchors at its ends allow: somebody would have removed one."""
        before, allowed = self._base, self._log.interval
        ends = [(anchor.seq, anchor.every) for anchor in self._anchors]
        for seq, every in [*ends, (self._seq, self._log.interval)]:
            reach = max(allowed if before > self._base else 0, every)
            if seq - before > reach:
                due = before + reach
                message = f"an anchor was due at entry {due} and is in neither place: it was removed"
                raise _Broken(due, "unanchored", message)
            before, allowed = seq, every

    def _check_end(self) -> None:
        for anchor in self._anchors[self._agreed :]:
            self._check_signature(anchor)
        if self._agreed < len(self._anchors):
            proof = self._anchors[-1].seq
            message = (
                f"entries {self._seq + 1} to {proof} were cut off; the anchor at {proof} proves they existed"
            )
            raise _Broken(self._seq + 1, "truncated", message)
        self._check_spacing()
        head = self._tx.one("SELECT seq, hash FROM audit_head")
        if head != (self._seq, self._hash):
            message = f"the log ends at entry {self._seq}, but the database's own head says otherwise: {head}"
            raise _Broken(self._seq + 1, "truncated", message)
