"""The ``course quiz`` commands that stand between a course and its class: set up, hand out, take
in, give back, look."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from course_lib.errors import CourseError


def add_arguments(action: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the commands; ``action(name, help)`` makes the parser of one."""
    one = action("init", "make an instructor's folder: rules, nbgrader's settings, class list")
    one.add_argument("course", type=Path, metavar="COURSE", help="the folder to make")
    one.add_argument("--roster", type=Path, metavar="FILE", help="class list, see `roster`")
    one.add_argument("--id", default="", metavar="COLUMN", help="of the class list: the ids")
    one.add_argument("--name", default="", help="in nbgrader's exchange (default: the folder's)")
    one.add_argument("--timezone", default="UTC", metavar="ZONE", help="such as Europe/Berlin")
    one.add_argument("--exchange", default="", metavar="DIR", help="nbgrader's exchange")
    one = action("roster", "take in a class list of Canvas, of Moodle, or a CSV with a column id")
    one.add_argument("file", type=Path)
    one.add_argument("--id", default="", metavar="COLUMN", help="the one that has the ids")
    one = action("check", "try a bank: right and wrong answers, cues that tell the key")
    one.add_argument(
        "what", nargs="*", metavar="QUIZ|FOLDER", help="quizzes of the course's bank, or a bank"
    )
    one.add_argument("--strict", action="store_true", help="hints count as faults, too")
    one = action("release", "hand a built quiz out: to nbgrader's exchange, or into a folder")
    one.add_argument("quiz", nargs="+")
    one.add_argument("--to", type=Path, metavar="FOLDER", help="a shared folder instead")
    one.add_argument("--force", action="store_true", help="replace another one that lies there")
    one = action("collect", "keep what was handed in, without grading: arrival and attempt")
    one.add_argument("quiz", nargs="*", help="quizzes (default: all)")
    one.add_argument("--exchange", action="store_true", help="from nbgrader's exchange")
    one.add_argument("--folder", type=Path, metavar="DIR", help="from DIR/STUDENT/QUIZ.ipynb")
    one.add_argument(
        "--archive",
        type=Path,
        action="append",
        metavar="ZIP",
        help="from what Canvas or Moodle gave for one quiz (may be repeated)",
    )
    one = action("formgrader", "open the course in formgrader: read answers, give points by hand")
    one.add_argument("--port", type=int, help="default: the first free one from 8888")
    one.add_argument("--no-browser", action="store_true", help="print the address only")
    one = action("feedback", "write a page for everybody who handed in; keys after closing")
    one.add_argument("quiz", nargs="*", help="quizzes (default: all)")
    one.add_argument(
        "--release",
        action="store_true",
        help="lay the pages into nbgrader's exchange, where students fetch them",
    )


def init(args: argparse.Namespace) -> int:
    """``course quiz init``: the one command that needs no course yet."""
    from course_lib.grading import classlist, folder

    if args.roster is not None:
        classlist.read(args.roster, args.id)  # a list that cannot be read leaves no half course
    course = args.course
    for path in folder.init(course, args.bank, args.name, args.timezone, args.exchange):
        print(path)
    if args.roster is not None:
        _take_in(course, args.roster, args.id)
    print(
        f"Next: write the dates into {course / 'course.yaml'}, then, in {course}, `course quiz "
        "check` and `course quiz build`."
    )
    return 0


def _roster(args: argparse.Namespace, course: Path, bank: Path) -> int:
    _take_in(course, args.file, args.id)
    return 0


def _take_in(course: Path, path: Path, column: str) -> None:
    from course_lib.grading import classlist

    found, new, gone = classlist.take_in(course, path, column)
    count = f"{len(found.rows)} students of {path} ({found.system}), {new} new"
    print(f"{course / 'roster.csv'}: {count}.")
    if gone:
        listed = ", ".join(gone[:10]) + (", ..." if len(gone) > 10 else "")
        print(f"On the roster and not in this list: {listed}. They stay on it.")


def check(args: argparse.Namespace, bank: Callable[[], Path]) -> int:
    """``course quiz check``: of a folder, which needs no course, or of the course's bank."""
    from course_lib.grading import checking

    folders = [Path(name) for name in args.what if Path(name).is_dir()]
    names = [name for name in args.what if not Path(name).is_dir()]
    if len(folders) > 1:
        raise CourseError("Name one bank at a time.")
    place = folders[0] if folders else bank()
    found = checking.check(place, names, tell_on(sys.stderr))
    for one in sorted(found, key=lambda one: not one.grave):
        print(one)
    grave = sum(one.grave for one in found)
    print(f"{grave} fault{'' if grave == 1 else 's'}, {len(found) - grave} hints.")
    return 1 if grave or (found and args.strict) else 0


def _release(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import exchange, grade
    from course_lib.questions.format import load_bank

    for quiz in grade.chosen(load_bank(bank), args.quiz):
        grade.require_release(quiz, course)
        source = course / "release" / quiz.id / f"{quiz.id}.ipynb"
        if quiz.is_personal:
            _release_copies(quiz.id, course, args)
        elif args.to is None:
            place = exchange.release(course, quiz.id, args.force)
            name = place.parent.parent.name
            print(f"{place}\nStudents: nbgrader fetch_assignment {quiz.id} --course {name}")
        else:
            print(_laid_down(source, args.to / quiz.id / source.name, args.force))
    return 0


def _release_copies(quiz: str, course: Path, args: argparse.Namespace) -> None:
    """Each student's own copy into a folder of that student."""
    copies = sorted((course / "personal" / quiz).glob(f"*/{quiz}/{quiz}.ipynb"))
    if args.to is None:
        raise CourseError(
            f"{quiz} differs between students, and nbgrader's exchange hands the same to all. Use "
            f"--to FOLDER, which writes FOLDER/STUDENT/{quiz}/{quiz}.ipynb."
        )
    if not copies:
        raise CourseError(f"There are no copies of {quiz}. Run `course quiz build {quiz}`.")
    for path in copies:
        student = path.parent.parent.name
        _laid_down(path, args.to / student / quiz / path.name, args.force)
    print(f"{args.to}: {len(copies)} copies.")


def _laid_down(source: Path, target: Path, force: bool) -> Path:
    from course_lib.files import write_atomically

    data = source.read_bytes()
    if target.exists() and target.read_bytes() != data and not force:
        raise CourseError(f"Another notebook lies there: {target}. To replace it give --force.")
    write_atomically(target, data)
    return target


def _collect(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import collecting, grade, intake, overview

    if args.archive and len(args.quiz) != 1:
        raise CourseError(
            "An archive is of one quiz: course quiz collect QUIZ --archive hand-ins.zip."
        )
    tell = tell_on(sys.stdout)
    with overview.opened(course, bank, tell_on(sys.stderr)) as (store, quizzes):
        for quiz in grade.chosen(quizzes, args.quiz):
            collecting.collect(store, quiz.id)  # what lies there first: it may be written over
            ways = [(f"{path}", intake.from_archive, path) for path in args.archive or ()]
            if args.folder:
                ways.append((f"{args.folder}", intake.from_folder, args.folder))
            for name, way, place in ways:
                _tell_taken(tell, quiz.id, name, way(store, quiz.id, place, tell))
            if args.exchange:
                _tell_taken(tell, quiz.id, "exchange", intake.from_exchange(store, quiz.id, tell))
            for name, trouble in collecting.collect(store, quiz.id).items():
                tell(f"{quiz.id}, {name}: {trouble.state}. {trouble.message}")
            tell(f"{quiz.id}: {len(store.handins.students(quiz.id))} students handed in.")
    return 0


def _tell_taken(tell: Callable[[str], None], quiz: str, name: str, taken) -> None:
    tell(f"{quiz}: {name}: {taken.new} new, {taken.known} known, {taken.open} for a person.")


def _formgrader(args: argparse.Namespace, course: Path, bank: Path) -> int:
    course = course.resolve()
    if not (course / "nbgrader_config.py").is_file():
        raise CourseError(f"{course} has no nbgrader_config.py; `course quiz init` writes one.")
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={course}",
        "--LabApp.default_url=/formgrader",
        "--LabApp.extension_manager=readonly",
        "--ServerApp.jpserver_extensions={'nbgrader.server_extensions.formgrader': True}",
    ]
    if args.port is not None:
        command += [f"--ServerApp.port={args.port}", "--ServerApp.port_retries=0"]
    if args.no_browser:
        command.append("--no-browser")
    if getattr(os, "geteuid", lambda: 1)() == 0:
        command.append("--allow-root")  # containers often have no other user
    # nbgrader asks for programs of its environment, which need not be activated.
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")
    try:
        return subprocess.run(command, cwd=course, env=os.environ | {"PATH": path}).returncode
    except KeyboardInterrupt:
        return 0


def _feedback(args: argparse.Namespace, course: Path, bank: Path) -> int:
    from course_lib.grading import exchange, feedback

    paths = feedback.write_all(course, bank, args.quiz, tell_on(sys.stderr))
    for path in paths:
        print(path)
    if args.release:
        quizzes = list(dict.fromkeys(path.stem for path in paths))
        for quiz in quizzes:
            pages = {p.parent.parent.name: p for p in paths if p.stem == quiz}
            done = exchange.release_feedback(course, quiz, pages)
            print(f"{quiz}: feedback of {len(done)} students lies in the exchange.")
            left = sorted(set(pages) - set(done))
            if left:
                print(f"{quiz}: not handed in there: {', '.join(left)}.")
    return 0


ACTIONS = {
    "roster": _roster,
    "release": _release,
    "collect": _collect,
    "formgrader": _formgrader,
    "feedback": _feedback,
}


def tell_on(stream) -> Callable[[str], None]:
    """A function that prints a line on a stream at once."""

    def tell(text: str) -> None:
        print(text, file=stream, flush=True)

    return tell
