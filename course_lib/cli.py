"""The `course` command.

Each subcommand is a module with add_arguments(parser) and run(args) -> exit code.

Exit codes: 0 the job is done, 1 it failed, 2 the command line is wrong, 130 stopped by Ctrl-C.
"""

import argparse
import codecs
import os
import sys
from importlib import import_module, metadata

from course_lib.commands import UsageError
from course_lib.errors import CourseError

# Name, module, one line of help. A module is imported only when its command is called: `course
# --help` must not wait for torch.
COMMANDS = (
    ("lab", "course_lib.commands.lab", "open the course in JupyterLab at lesson 00"),
    ("run", "course_lib.commands.run", "run lessons without a browser and report what they cost"),
    ("doctor", "course_lib.commands.doctor", "check this machine, say how to mend it"),
    ("tasks", "course_lib.commands.tasks", "list the target tasks that load_task knows"),
    ("claims", "course_lib.commands.claims", "list, measure and check the claims"),
    ("predict", "course_lib.commands.predict", "answers of a saved model for a folder, as CSV"),
    ("review", "course_lib.commands.review", "check the files that a project of your own left"),
    ("quiz", "course_lib.grading.cli", "build, grade and report the graded quizzes"),
    ("pretrain", "course_lib.commands.pretrain", "pretrain WorldNet on the image world"),
    (
        "pretrain-text",
        "course_lib.commands.pretrain_text",
        "pretrain the miniature language model on docstrings",
    ),
)


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else list(argv)
    _write_utf8()
    try:
        args = parse(argv)
        return args.run(args) or 0
    except CourseError as error:
        print(f"course: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        print("course: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _write_utf8() -> None:
    """Results are UTF-8 whatever the locale: an ASCII one could not write a minus sign."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and codecs.lookup(stream.encoding).name != "utf-8":
            stream.reconfigure(encoding="utf-8")


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments of one call, `run` being its function. Exits with 2 on wrong usage."""
    parser = argparse.ArgumentParser(
        prog="course", description="Transfer learning, measured: predict, run, explain."
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    called = next((word for word in argv if not word.startswith("-")), None)
    for name, module, help_line in COMMANDS:
        command = commands.add_parser(name, help=help_line, description=_sentence(help_line))
        if name == called:
            implementation = import_module(module)
            implementation.add_arguments(command)
            command.set_defaults(run=implementation.run)
    return parser.parse_args(argv)


def _sentence(line: str) -> str:
    return f"{line[0].upper()}{line[1:]}."


class _Version(argparse.Action):
    """--version: read from the installed package, and only when asked for."""

    def __init__(self, option_strings, dest, **options):
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser, namespace, values, option_string=None):
        print(f"course {metadata.version('course-lib')}")
        parser.exit()


if __name__ == "__main__":
    raise SystemExit(main())
