"""A class of ten whose hand-ins come in four ways, as its students and its systems leave them."""

from __future__ import annotations

import datetime
import io
import json
import zipfile
from pathlib import Path

CANVAS_LIST = """\
Student,ID,SIS User ID,SIS Login ID,Section,Quiz 1 (4711)
"    Points Possible",,,,,21
"Right, Ann",101,0012,ann,Biology A,
"Burns, Bob",102,0013,bob,Biology A,
"Finnegan, Cleo",103,0014,cleo,Biology A,
"Day, Dora",104,0015,dora,Biology A,
"van der Berg, Emil",105,0016,emil,Biology B,
"H\u00f6fer, Finn",106,0017,finn,Biology B,
"Rao, Gita",107,0018,gita,Biology B,
"Ivers, Hugo",108,0019,hugo,Biology B,
"Lou, Ida",109,0020,ida,Biology B,
"Kim, Jo",110,0021,jo,Biology B,
"Student, Test",199,,9f1c,Biology A,
"""
WORKSHEET = """\
Identifier,Full name,Email address,Status,Grade
Participant 3001,Finn H\u00f6fer,finn@uni.example,Submitted,
Participant 3002,Gita Rao,gita@uni.example,Submitted,
"""


def answered(release: Path, answers: dict[str, str]) -> bytes:
    """The released notebook with answers in their cells, as Jupyter saves it."""
    book = json.loads(release.read_bytes())
    for cell in book["cells"]:
        key = cell["metadata"]["nbgrader"]["grade_id"]
        if key in answers:
            cell["source"] = answers[key].splitlines(keepends=True)
    return json.dumps(book).encode()


def pack(path: Path, files: dict[str, tuple[bytes, str]]) -> None:
    """A zip archive; each file with its time (as the archive's clock shows it)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (data, at) in files.items():
            when = datetime.datetime.fromisoformat(at)
            archive.writestr(zipfile.ZipInfo(name, when.timetuple()[:6]), data)
    path.write_bytes(buffer.getvalue())


def came_at(inbound: Path, student: str, text: str) -> None:
    """Make a hand-in in the exchange one of another time, as if it had been sent then (UTC)."""
    (place,) = inbound.glob(f"{student}+*")
    stamp = f"{text}.000000 UTC"
    owner, quiz, _, tail = place.name.rsplit("+", 3)
    place.chmod(0o777)
    (place / "timestamp.txt").chmod(0o644)
    (place / "timestamp.txt").write_text(stamp)
    place.rename(inbound / "+".join((owner, quiz, stamp, tail)))
