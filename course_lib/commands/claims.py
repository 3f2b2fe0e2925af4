"""`course claims`: the table of claims, the full-size run of some, and a check of stored rows."""

import sys
from pathlib import Path

from course_lib.commands import UsageError, number, whole_number
from course_lib.commands.report import to_json
from course_lib.errors import CourseError
from course_lib.files import write_atomically


def add_arguments(parser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "run", "check"), default="list")
    parser.add_argument("tags", nargs="*", metavar="Cxx", help="which claims")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table as CSV")
    measure = parser.add_argument_group("run: measure at full size, row by row, resumable")
    measure.add_argument("--track", default="world", help="world (default) or photos")
    measure.add_argument("--workers", type=whole_number(1, 256), default=1, help="processes")
    measure.add_argument("--scheduler", metavar="ADDRESS", help="a dask scheduler's address")
    measure.add_argument(
        "--trust-network", action="store_true", help="a scheduler without TLS is fine here"
    )
    measure.add_argument(
        "--cap", type=number(above=0), metavar="HOURS", help="begin no trial after so many hours"
    )
    check = parser.add_argument_group("check: judge all stored rows, measure some again")
    check.add_argument("--trials", type=whole_number(0, 1_000), default=5, help="how many (5)")
    check.add_argument("--seed", type=whole_number(), help="which ones: the same for the same seed")


def run(args) -> int:
    if args.action == "check":
        return _check(args)
    results = _measure(args) if args.action == "run" else None
    return _list(args, results)


def _measure(args) -> dict:
    from course_lib.claims import claim, run_and_store

    if not args.tags:
        raise UsageError("Say which claim to measure, such as: course claims run C06")
    wanted = [claim(tag).tag for tag in args.tags]  # no long run before a wrong name is seen
    say = (lambda line: print(line, file=sys.stderr)) if args.json else print
    how = {
        "track": args.track,
        "workers": args.workers,
        "scheduler": args.scheduler,
        "trust_network": args.trust_network,
        "cap": args.cap,
        "say": say,
    }
    return {tag: run_and_store(tag, **how) for tag in wanted}


def _list(args, results: dict | None) -> int:
    from course_lib.claims import claims, stored_results
    from course_lib.lab.ledger import ledger

    known = claims()
    if results is None:
        if args.tags:
            raise UsageError("`course claims` lists all; to measure one: course claims run C06")
        results, photos = stored_results(), stored_results(track="photos")
    else:
        known = {tag: known[tag] for tag in results}
        photos = stored_results(track="photos")
    table = ledger(known, results, photos)
    if args.csv:
        write_atomically(args.csv, table.to_csv(index=False))
    if args.json:
        sys.stdout.write(to_json([_record(known[t], results.get(t)) for t in known]))
        return 0
    for line in table.to_dict("records"):
        result = results.get(line["claim"])
        print(f"{line['claim']}  {line['statement']}")
        shown = f"image world: {line['image world']}"
        if result and line["after Holm"] != line["image world"]:
            shown += f" (asked together with all others: {line['after Holm']})"
        print(f"     {shown}; photographs: {line['photographs']}")
        if result:
            print(f"     {result.sentence}")
            print(f"     n = {line['n']}, {line['date']}, {line['code']}, rows {line['rows']}")
    return 0


def _check(args) -> int:
    from course_lib.claims import claim, claims, stored_results
    from course_lib.lab.checking import remeasure

    wanted = [claim(tag) for tag in args.tags] or list(claims().values())
    results = stored_results()  # reads every row with its checksum and judges it
    judged = {one.tag: results[one.tag] for one in wanted}
    records = [
        {"claim": tag, "verdict": result.verdict if result else None, "rows": len(result.rows)}
        for tag, result in judged.items()
        if result
    ]
    again = remeasure(wanted, args.trials, seed=args.seed)
    if args.json:
        sys.stdout.write(
            to_json({"judged": records, "measured again": [_again(one) for one in again]})
        )
    else:
        for record in records:
            print(f"{record['claim']}: {record['verdict']}, {record['rows']} rows, checksums fit")
        for one in again:
            print(_again(one)["said"])
        if len(again) < args.trials:
            print(f"{len(again)} of {args.trials} trials were found that say they are short.")
    if not all(one.agrees for one in again):
        raise CourseError("A stored trial cannot be had again: see above.")
    return 0


def _again(one) -> dict:
    how = "to the last digit" if one.exact else f"within {one.allowed:.3g}, another machine"
    said = f"{one.tag} {one.trial}: {one.moved}: {'agrees' if one.agrees else 'DIFFERS'} ({how})"
    return {"claim": one.tag, "trial": one.trial, "agrees": one.agrees, "said": said}


def _record(one, result) -> dict:
    return {
        "claim": one.tag,
        "lesson": one.lesson,
        "statement": one.statement,
        "rule": one.rule,
        "verdict": result.verdict if result else None,
        "sentence": result.sentence if result else None,
        "parts": result.judgements().to_dict("records") if result else [],
        "stored": result.stored if result else None,
        "rows": [{k: v for k, v in row.items() if v == v} for row in result.rows.to_dict("records")]
        if result
        else [],
    }
