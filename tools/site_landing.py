"""The landing page: what the course is and for whom, experiments, the map of lessons."""

import html as text
import re
from dataclasses import dataclass
from pathlib import Path

import site_frame

from course_lib import notebooks

LEAD = """\
<p class="lead">A network that has learnt to see needs ten pictures to learn something new. When
is that true, when is it
not, and how do you do it with your own pictures?</p>
"""
ABOUT = """\
<p class="about">A course in Python and PyTorch, for people who can program and have met a neural
network, and for those who teach
them. Every claim in it is an experiment: you <strong>predict</strong>, <strong>run</strong> it on
your own machine, no
GPU needed, and <strong>read</strong> what came out.</p>
"""
SECTIONS = """
<section aria-labelledby="lessons"><h2 id="lessons">The lessons, as they ran</h2>
<p>Each opens with a story from practice; you write the decisive lines yourself, and hints and
solutions stay folded until
you ask. To predict before you see, open them in JupyterLab: <code>make lab</code>, or by the
badges in each lesson.</p>
<ol class="map">{lessons}</ol></section>
<section aria-labelledby="tools"><h2 id="tools">Which strategy for my problem?</h2>
<p>The advisor places a problem by its number of labels and how alike its pictures are, says what
the rule of thumb
advises, and what was measured nearby, also where the rule fails. Beside it, the six steps of
transfer learning on a real
network. <a href="tools.html">Open the advisor</a></p></section>
<section aria-labelledby="claims"><h2 id="claims">The lab book</h2>
<p>Every claim has a page: the rule that stood before the run, the verdict, the chart, the rows to
download, and what would change our mind. Some famous claims do not hold here, and it says so.
<a href="claims/index.html">All claims</a></p></section>
<section aria-labelledby="teach"><h2 id="teach">For teachers</h2>
<p>Graded quizzes that run students' code in a sandbox, from hand-out to grade book.</p>
<ul class="lessons">{documents}</ul></section>
"""
FOOTER = (
    "Nothing on these pages is fetched from elsewhere, and nothing that you put in leaves your "
    "machine."
)
# A row of README's table of lessons: name, file, question, time.
ROW = re.compile(
    r"^\| \[(?P<name>.+?)\]\(notebooks/executed/(?P<stem>\w+)\.ipynb\) \| (?P<question>.+?) "
    r"\| (?P<time>.+?) \|",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Lesson:
    """stem: of its files. question and time: as README says; empty for what it does not list."""

    stem: str
    name: str
    question: str = ""
    time: str = ""


def listed(root: Path, paths: list[Path]) -> list[Lesson]:
    """The executed lessons with what README's table says of them."""
    readme = root / "README.md"
    rows = ROW.finditer(readme.read_text("utf-8")) if readme.exists() else ()
    known = {
        row["stem"]: Lesson(row["stem"], row["name"], row["question"], row["time"]) for row in rows
    }
    return [known.get(path.stem, Lesson(path.stem, title(path))) for path in paths]


def html(lessons: list[Lesson], documents: list[tuple[str, str]], live: bool) -> str:
    """The page. documents: (name, heading) of the pages for teachers. live: with experiments."""
    items = "\n".join(_item(lesson) for lesson in lessons)
    papers = "\n".join(
        f'<li><a href="{name}.html">{text.escape(heading)}</a></li>' for name, heading in documents
    )
    sections = SECTIONS.format(lessons=items, documents=papers)
    if not live:
        return site_frame.page(
            "Start", f"<h1>Transfer learning, measured</h1>{LEAD}{ABOUT}{sections}"
        )
    import site_page

    return site_page.html(
        lead=LEAD, about=ABOUT, nav=site_frame.nav(), sections=sections, footer=FOOTER
    )


def _item(lesson: Lesson) -> str:
    link = f'<a href="{lesson.stem}.html">{text.escape(lesson.name)}</a>'
    time = f' <span class="time">{text.escape(lesson.time)}</span>' if lesson.time else ""
    question = f"<p>{text.escape(lesson.question)}</p>" if lesson.question else ""
    return f"<li>{link}{time}{question}</li>"


def title(path: Path) -> str:
    """The first heading of a lesson."""
    for cell in notebooks.read(path).cells:
        if found := re.match(r"# (.+)", cell.source):
            return found[1]
    return path.stem
