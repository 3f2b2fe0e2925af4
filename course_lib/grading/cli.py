"""The ``course quiz`` commands. Also runs as ``python -m course_lib.grading.cli``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import cli_class, folder
from course_lib.grading.cli_class import tell_on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their options to the parser of ``course quiz``."""
    actions = parser.add_subparsers(dest="quiz_action", required=True, metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=text, description=text)
        sub.add_argument(
            "--course-dir",
            type=Path,
            metavar="DIR",
            help="the course folder (default: COURSE_DIR, the nearest from here up, quizzes)",
        )
        sub.add_argument(
            "--bank",
            type=Path,
            metavar="DIR",
            help="folder of graded questions (default: what course.yaml says, else bank)",
        )
        return sub

    cli_class.add_arguments(action)
    one = action("build", "write the source and the release notebooks")
    one.add_argument("quiz", nargs="*", help="quizzes (default: all)")
    one.add_argument(
        "--unchecked", action="store_true", help="do not try whether right answers get their points"
    )
    one = action("grade", "grade what was handed in; goes on where it stopped")
    one.add_argument("quiz", nargs="*", help="quizzes (default: all that were handed in)")
    one.add_argument("--workers", type=int, default=1, metavar="N", help="local processes")
    one.add_argument(
        "--scheduler", metavar="ADDRESS", help="grade on a dask.distributed cluster (tls://...)"
    )
    one.add_argument(
        "--trust-network", action="store_true", help="allow a scheduler without TLS: jobs hold keys"
    )
    one.add_argument("--json", metavar="FILE", help="write the report there ('-': standard output)")
    one.add_argument(
        "--unsafe-no-sandbox",
        action="store_true",
        help="run code answers unprotected when there is no sandbox; not as root, and not beside "
        "a gradebook that has students",
    )
    one = action("score", "give points by hand to the answer that counts now")
    one.add_argument("student")
    one.add_argument("question", help="the question's id")
    one.add_argument("points", type=float)
    one.add_argument("--comment", default="", help="shown in the feedback")
    one = action("log", "who changed what, and when")
    one.add_argument("quiz", nargs="*", help="quizzes (default: all)")
    one.add_argument("--student", help="of this student only")
    one = action("forget", "delete a student: hand-ins, grades, name")
    one.add_argument("student")
    one = action("export", "write the scores as CSV")
    one.add_argument("quiz", nargs="*", help="quizzes (default: all)")
    one.add_argument(
        "--format",
        choices=("canvas", "moodle", "table", "answers"),
        default="canvas",
        help="answers: a row per answer with pseudonyms, for looking into and passing on",
    )
    one.add_argument(
        "--with-texts",
        action="store_true",
        help="of answers: what was written and programmed, too; a name may stand in there",
    )
    one.add_argument(
        "--accept",
        action="store_true",
        help="export although something is open, and leave that empty; the log says so",
    )
    one.add_argument("--out", metavar="FILE", default="-", help="default: standard output")
    one = action("report", "write a page about the class, its mistakes, and each question")
    one.add_argument("quiz", nargs="*", help="quizzes (default: all)")
    one.add_argument("--out", metavar="FILE", type=Path, help="default: report.html in the folder")
    one = action("mine", "grade your own notebooks, without an instructor")
    one.add_argument("notebook", nargs="+", type=Path, help="your copies of released quizzes")
    one.add_argument("--json", metavar="FILE", help="write the report there ('-': standard output)")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code (0 done, 1 an error that was told)."""
    course = args.course_dir or Path(".")
    try:
        if args.quiz_action == "init":
            return cli_class.init(args)
        if args.quiz_action == "check":
            return cli_class.check(
                args, lambda: args.bank or folder.bank_of(folder.find(args.course_dir))
            )
        if args.quiz_action == "mine" and not args.course_dir and args.bank:
            return _mine(args, course, args.bank)  # a learner's own; no course is needed
        course = folder.find(args.course_dir)
        return ACTIONS[args.quiz_action](args, course, args.bank or folder.bank_of(course))
    except CourseError as error:
        print(f"course quiz {args.quiz_action}: {error}", file=sys.stderr)
    except OSError as error:
        print(
            f"course quiz {args.quiz_action}: {error.strerror}: {error.filename or course}. "
            "What was stored before is untouched.",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print("\nStopped. Run the command again to go on.", file=sys.stderr)
        return 130
    return 1


def _build(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import build, checking, grade, roster
    from course_lib.grading.signed import secret
    from course_lib.questions.format import load_bank

    tell = tell_on(sys.stderr)
    for quiz in grade.chosen(load_bank(bank), args.quiz):
        faults = [] if args.unchecked else checking.of_quiz(quiz, right_only=True)
        if any(one.grave for one in faults):
            listed = "\n".join(f"  {one}" for one in faults if one.grave)
            raise CourseError(
                f"{quiz.id} was not built, since right answers would not get their points:\n"
                f"{listed}\n`course quiz check` says more; --unchecked builds all the same."
            )
        for one in faults:
            tell(str(one))
        for path in build.write_quiz(quiz, course):
            print(path)
        if quiz.is_personal:
            people = roster.load(course)
            if not people:
                raise CourseError(
                    f"{quiz.id} differs between students: whose copies are to be made says "
                    f"{roster.FILE}. Take in a class list (`course quiz roster FILE`)."
                )
            paths = build.write_personal(quiz, course, secret(course), people)
            print(f"{course / 'personal' / quiz.id}: {len(paths)} copies, one for each student.")
    return 0


def _grade(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import grade

    tell = tell_on(sys.stderr if args.json == "-" else sys.stdout)
    try:
        report = grade.grade_course(
            course,
            bank,
            args.quiz,
            workers=args.workers,
            scheduler=args.scheduler,
            unsafe=args.unsafe_no_sandbox,
            trust_network=args.trust_network,
            tell=tell,
        )
    finally:
        grade.close_sandboxes()
    _write_json(report, args.json)
    count = len(report["submissions"])
    tell(f"{count} submission{'' if count == 1 else 's'}.")
    return 0


def _score(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import overview
    from course_lib.grading.signed import user

    with overview.opened(course, bank, tell_on(sys.stderr)) as (store, quizzes):
        for quiz in quizzes.values():
            if any(q.id == args.question for q in quiz.questions):
                break
        else:
            raise CourseError(f"No quiz of the bank has a question {args.question!r}.")
        store.judge(quiz, args.student, args.question, args.points, args.comment, user())
    print(f"{args.student}, {args.question}: {args.points:g} points.")
    return 0


def _log(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading.signed import Log, secret

    doubtful = 0
    for number, (event, good) in enumerate(Log(course, secret(course)).events(), 1):
        doubtful += not good
        if args.quiz and event.get("quiz") not in args.quiz:
            continue
        if args.student and event.get("student") != args.student:
            continue
        facts = [event.get(key, "") for key in ("when", "who", "what", "student", "quiz")]
        facts += [
            f"{key}={value}"
            for key, value in event.items()
            if key not in ("when", "who", "what", "student", "quiz")
        ]
        note = "" if good else f"   [line {number} is not as the grader wrote it]"
        print("  ".join(ascii(text)[1:-1] for text in map(str, facts) if text) + note)
    return 1 if doubtful else 0


def _forget(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import forget

    name = forget.forget(course, bank, args.student, tell_on(sys.stderr))
    print(
        f"Deleted. The log now says {name}. Copies elsewhere (backups, exports) are yours to find."
    )
    return 0


def _export(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import anonymous, export

    tell = tell_on(sys.stderr)
    if args.with_texts and args.format != "answers":
        raise CourseError("--with-texts goes with --format answers.")
    if args.format == "answers":
        text = anonymous.as_csv(course, bank, args.quiz, with_texts=args.with_texts, tell=tell)
    else:
        text = export.as_csv(course, bank, args.quiz, args.format, accept=args.accept, tell=tell)
    if args.out == "-":
        sys.stdout.write(text)
    else:
        Path(args.out).write_text(text, encoding="utf-8", newline="")
    return 0


def _report(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import report

    path = args.out or course / "report.html"
    path.write_text(report.as_html(course, bank, args.quiz, tell_on(sys.stderr)), encoding="utf-8")
    print(path)
    return 0


def _mine(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import mine

    records = [mine.grade_notebook(path, bank) for path in args.notebook]
    if args.json != "-":
        print(mine.unprotected())
        for record in records:
            print(mine.as_text(record))
    _write_json({"submissions": records}, args.json)
    return 0


ACTIONS = {
    **cli_class.ACTIONS,
    "build": _build,
    "grade": _grade,
    "score": _score,
    "log": _log,
    "forget": _forget,
    "export": _export,
    "report": _report,
    "mine": _mine,
}


def _write_json(report: dict, target: str | None) -> None:
    if target == "-":
        json.dump(report, sys.stdout, indent=1)
        print()
    elif target:
        path = Path(os.path.abspath(target))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(report, indent=1) + "\n")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="course quiz")
    add_arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
