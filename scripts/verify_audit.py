"""Verify an audit log with nothing but Python: `./tower audit export | python3 scripts/verify_audit.py`.

Each entry is hashed again, each link followed, each anchor's and seal's Ed25519 signature checked
(RFC 8032, below). Anchors and public keys come from the deployment's home (`anchors.jsonl`,
`keys/audit*.pub`) or, better, from where you keep copies of them.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

COLUMNS = (
    "seq", "time", "prev", "kind", "tenant", "run", "seam", "actor", "agent_version", "user_id", "action",
    "resource", "decision", "policies", "policy_version", "model", "cost", "key", "body",
)  # fmt: skip
AS_TEXT = ("policies", "cost", "body")
"""Stored, and so hashed, as the very text that stands in the export."""
LINKS = {"seq", "prev", "hash", "withheld"}
"""All that is told of another tenant's entry."""

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]


class Broken(Exception):
    """The log isn't as it was written."""


def canonical(value: Any) -> bytes:
    """RFC 8785, for what occurs here: texts and integers."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def members(line: str) -> dict[str, Any]:
    """An object's members; of those stored as text, the text as it stands.

    Raises:
        ValueError: One stands twice, is none of the log's, or something follows the object.
    """
    decoder, at, found = json.JSONDecoder(), 1, {}
    while line[at] != "}":
        name, at = decoder.raw_decode(line, at + (line[at] == ","))
        value, end = decoder.raw_decode(line, at + 1)
        if name in found:
            raise ValueError(name)
        found[name] = line[at + 1 : end] if name in AS_TEXT else value
        at = end
    # What isn't hashed could say anything.
    hashed = found.keys() <= {*COLUMNS, "hash"} or found.keys() in ({"seal"}, LINKS)
    if line[at + 1 :] or not hashed:
        raise ValueError(line)
    return found


def entry_hash(entry: dict[str, Any], seq: int) -> str:
    """SHA-256 over every column as it is stored."""
    return hashlib.sha256(canonical({name: entry.get(name) for name in COLUMNS} | {"seq": seq})).hexdigest()


def entries(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The export's entries in its order."""
    for number, line in enumerate(lines, 1):
        try:
            entry = members(line.strip())
            "seal" in entry or (entry["seq"], entry["prev"], entry["hash"])
        except (ValueError, LookupError, TypeError) as error:
            msg = f"line {number} is no entry of an audit log, so it was altered"
            raise Broken(msg) from error
        yield entry


class Signatures:
    """The anchors, in order, held against the log while it is read."""

    def __init__(self, anchors: list[dict[str, Any]], keys: dict[str, bytes]) -> None:
        for anchor in anchors:
            if not genuine(anchor, keys):
                msg = f"entry {anchor.get('seq')}: its anchor was forged, or the public key is missing"
                raise Broken(msg)
        self.keys, self.ended = keys, False
        self.ahead = sorted(anchors, key=lambda anchor: anchor["seq"])
        self.agreed = self.last = self.reach = 0

    def check(self, seq: int, entry_hash: str) -> None:
        """Hold an entry against the anchors that were signed after it."""
        if self.ended:
            msg = f"entry {seq}: it stands behind the seal of a segment"
            raise Broken(msg)
        while self.ahead and self.ahead[0]["seq"] == seq:
            anchor = self.ahead.pop(0)
            if anchor["hash"] != entry_hash:
                msg = f"entry {self.last + 1}: from here to {seq} the log was rewritten after it was signed"
                raise Broken(msg)
            self.check_gap(seq, max(self.reach, anchor["every"]))
            self.last, self.reach, self.agreed = seq, anchor["every"], self.agreed + 1

    def seal(self, seal: dict[str, Any], seq: int, prev: str) -> tuple[int, str]:
        """Go on after a seal: of what was dropped before the first entry, or of the entries up to here."""
        last = seal["last"]
        if not genuine(seal, self.keys) or (seq and (last, seal["hash"]) != (seq, prev)):
            msg = f"entry {min(seq + 1, last)}: its seal was forged or is another segment's"
            raise Broken(msg)
        # What follows a segment isn't its concern, and stands behind no anchor here.
        self.ahead = [anchor for anchor in self.ahead if anchor["seq"] > last and not seq]
        self.last, self.agreed, self.ended = last, self.agreed + 1, bool(seq)
        return last, seal["hash"]

    def check_gap(self, seq: int, reach: int) -> None:
        """No stretch is longer than the anchors at its ends allow."""
        if self.agreed + reach and seq - self.last > reach:
            msg = f"entry {self.last + reach}: its anchor was removed"
            raise Broken(msg)

    def check_end(self, seq: int) -> None:
        """The log reaches as far as was signed."""
        if self.ahead:
            proof = self.ahead[-1]["seq"]
            msg = f"entry {seq + 1}: the log was cut off before it; an anchor proves that there were {proof}"
            raise Broken(msg)
        self.check_gap(seq, self.reach)


def verify(lines: Iterable[str], signed: Signatures) -> tuple[int, int, list[int]]:
    """Check every entry, link and anchor; before the first entry, the last one, and which are withheld.

    Raises:
        Broken: With the first entry that isn't as it was written.
    """
    log, seq, prev, before = entries(lines), 0, "0" * 64, 0
    withheld: list[int] = []
    for entry in log:
        if "seal" in entry:
            before, (seq, prev) = (
                before if seq else entry["seal"]["last"],
                signed.seal(entry["seal"], seq, prev),
            )
            continue
        if entry["seq"] != seq + 1:
            raise Broken(_misplaced(entry, seq + 1, log))
        hidden = entry.get("withheld") is True
        if entry["prev"] != prev or not (hidden or entry_hash(entry, seq + 1) == entry["hash"]):
            raise Broken(_altered(entry, seq + 1, log))
        seq, prev = seq + 1, entry["hash"]
        withheld += [seq] * hidden
        signed.check(seq, prev)
    signed.check_end(seq)
    return before, seq, withheld


def _misplaced(entry: dict[str, Any], expected: int, rest: Iterator[dict[str, Any]]) -> str:
    if entry["seq"] < expected or any(later.get("seq") == expected for later in rest):
        return f"entry {expected}: entry {entry['seq']} stands in its place; they were reordered"
    return f"entry {expected}: it was deleted; entry {entry['seq']} follows"


def _altered(entry: dict[str, Any], seq: int, rest: Iterator[dict[str, Any]]) -> str:
    """Altered where it stands, or moved here from another place: then its hash fits that number."""
    home = next((later["seq"] - 1 for later in rest if later.get("prev") == entry["hash"]), seq)
    if home != seq and entry_hash(entry, home) == entry["hash"]:
        return f"entry {seq}: entry {home} stands in its place; they were swapped"
    return f"entry {seq}: it was changed after it was written, or what it follows was replaced"


def genuine(anchor: dict[str, Any], keys: dict[str, bytes]) -> bool:
    """Whether a trusted key signed an anchor."""
    unsigned = canonical({name: value for name, value in anchor.items() if name != "signature"})
    try:
        return signed_by(keys[anchor["key_id"]], unsigned, bytes.fromhex(anchor["signature"]))
    except (KeyError, ValueError, TypeError):
        return False


def signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Ed25519: whether s·B = R + h·A (RFC 8032, section 5.1.7)."""
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    if s >= ORDER or len(signature) != 64:  # noqa: PLR2004 - bytes
        return False
    x1, y1, z1, _ = times(s, BASE)
    x2, y2, z2, _ = plus(point(signature[:32]), times(h, point(public)))
    return (x1 * z2 - x2 * z1) % P == 0 and (y1 * z2 - y2 * z1) % P == 0


def point(encoded: bytes) -> Point:
    """Decode a point of the curve (5.1.3), in extended homogeneous coordinates."""
    number = int.from_bytes(encoded, "little")
    y, odd = number & (2**255 - 1), number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and odd):
        msg = "it is no point of the curve"
        raise ValueError(msg)
    x = P - x if x % 2 != odd else x
    return x, y, 1, x * y % P


def plus(a: Point, b: Point) -> Point:
    """Add two points (5.1.4)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def times(factor: int, a: Point) -> Point:
    """Multiply a point."""
    result: Point = (0, 1, 1, 0)
    while factor:
        result = plus(result, a) if factor & 1 else result
        a, factor = plus(a, a), factor >> 1
    return result


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def main() -> int:
    """Read the export from a file or stdin; exit 0 if it is whole, 1 if not, 2 if nothing vouches for it."""
    home = Path(os.environ.get("TOWER_HOME") or ".tower")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export", nargs="?", type=Path, help="JSON lines; stdin by default")
    parser.add_argument("--anchors", type=Path, default=home / "anchors.jsonl")
    parser.add_argument("--keys", type=Path, default=home / "keys", help="folder of audit*.pub")
    parser.add_argument("--whole", action="store_true", help="of all tenants: nothing may be withheld")
    given = parser.parse_args()
    keys = [path.read_text().split("-----")[2] for path in given.keys.glob("audit*.pub")]
    public = [base64.b64decode("".join(pem.split()))[-32:] for pem in keys]
    text = given.anchors.read_text(encoding="utf-8") if given.anchors.exists() else ""
    try:
        anchors = [json.loads(line) for line in dict.fromkeys(text.splitlines())]
        signed = Signatures(anchors, {key.hex()[:16]: key for key in public})
        with given.export.open(encoding="utf-8") if given.export else sys.stdin as lines:
            before, last, withheld = verify(lines, signed)
    except (Broken, ValueError, LookupError, TypeError) as broken:
        say(f"NOT WHOLE. {broken}")
        return 1
    checked = f"{last - before} entries, {before + 1} to {last}, each as it was written"
    few = ", ".join(map(str, withheld[:20]))
    which = f": {few}{' …' if withheld[20:] else ''}" if few else ""
    say(f"{checked} ({len(withheld)} of other tenants, of which only links are checked{which})")
    if given.whole and withheld:
        say(f"NOT WHOLE. entry {withheld[0]}: its text is withheld")
        return 1
    vouched = f"{signed.agreed} anchors or seals, each signed by a key in {given.keys}"
    say(vouched if signed.agreed else "nobody vouches for it: give --anchors and --keys")
    return 0 if signed.agreed else 2


if __name__ == "__main__":
    sys.exit(main())
