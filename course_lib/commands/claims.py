"""`course claims`: the table of claims, and the full-size run of some."""

import sys

from course_lib.commands import UsageError
from course_lib.commands.report import to_json


def add_arguments(parser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "run"), default="list")
    parser.add_argument("tags", nargs="*", metavar="Cxx", help="which to measure at full size")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args) -> int:
    from course_lib.experiments import claim, claims
    from course_lib.experiments.study import run_and_store, stored_results

    if args.action == "list":
        if args.tags:
            raise UsageError("`course claims` lists all; to measure one: course claims run C06")
        results = stored_results()
    else:
        if not args.tags:
            raise UsageError("Say which claim to measure, such as: course claims run C06")
        wanted = [claim(tag).tag for tag in args.tags]  # no long run before a wrong name is seen
        say = (lambda line: print(line, file=sys.stderr)) if args.json else print
        results = {tag: run_and_store(tag, say=say) for tag in wanted}
    records = [_record(claims()[tag], result) for tag, result in results.items()]
    if args.json:
        sys.stdout.write(to_json(records))
        return 0
    for record in records:
        print(f"{record['claim']}  {record['statement']}")
        print(f"     {record['verdict'] or 'no stored run yet'}")
        if record["sentence"]:
            print(f"     {record['sentence']}")
    return 0


def _record(one, result) -> dict:
    return {
        "claim": one.tag,
        "lesson": one.lesson,
        "statement": one.statement,
        "rule": one.rule,
        "verdict": result.verdict if result else None,
        "sentence": result.sentence if result else None,
        "rows": result.rows if result else [],
        "made_with": result.made_with if result else None,
    }
