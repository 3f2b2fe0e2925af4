"""Bring the first edition's stored rows into the format of the second; nothing is measured.

    python tools/migrate_rows.py            # every claim whose file is still in the old format
    python tools/migrate_rows.py C06 C08

Each row keeps its trial and its numbers and gains what it depends on. It is marked "first edition",
so that rows of the present code never mix with it. `took` is what the row itself says of its time.
"""

import argparse
import json
import subprocess
from pathlib import Path

from course_lib.claims import claims
from course_lib.claims.real_x_rays import REAL, X_RAYS
from course_lib.lab.cache import checksum, plain
from course_lib.lab.claim import Claim
from course_lib.lab.store import FIRST, RESULTS, Study


def migrated(claim: Claim, old: dict, date: str, track: str = "world") -> Study:
    """The study of the second edition with the rows of the first."""
    study = Study(claim.tag, {}, [])
    seen = set()
    for row in old["rows"]:
        machine = study.machine(row.get("made_with", old["made_with"]))
        trial = {k: v for k, v in plain(row["trial"]).items() if k not in claim.labels}
        measured = row["measured"]
        took = max((measured.get(key) or 0 for key in ("seconds", "tuning_seconds")), default=0)
        new = {
            "measure": claim.measure.__name__,
            "trial": trial,
            "track": track,
            "weights": old["weights"],
            "code": FIRST,
            "measured": measured,
            "machine": machine,
            "took": round(took, 2) or None,
            "date": date,
        }
        name = json.dumps(trial, sort_keys=True)
        if name not in seen:  # the same run under two labels is one row
            seen.add(name)
            study.rows.append({**new, "sha256": checksum(new)})
    return study


def measured_on(path: Path) -> str:
    """The day of the last commit that brought rows of the first edition."""
    old = f"course_lib/experiments/results/{path.name}"
    log = ["git", "log", "--until=2026-11-24", "-1", "--format=%cs", "HEAD", "--", old]
    root = Path(__file__).parents[1]
    day = subprocess.run(log, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    return day or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tags", nargs="*")
    tags = parser.parse_args().tags
    for tag, claim in {**claims(), REAL.tag: REAL}.items():
        track = X_RAYS.name if claim is REAL else "world"
        path = RESULTS / f"{tag}.json"
        if (tags and tag not in tags) or not path.exists():
            continue
        old = json.loads(path.read_text(encoding="utf-8"))
        if old.get("format") == 2:
            continue
        study = migrated(claim, old, measured_on(path), track)
        study.save(path)
        print(f"{tag}: {len(old['rows'])} rows, now {len(study.rows)}")


if __name__ == "__main__":
    main()
