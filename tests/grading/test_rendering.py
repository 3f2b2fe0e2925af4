"""Markdown of students and of the bank as HTML: readable, and nothing in it runs or loads."""

from html.parser import HTMLParser

import pytest

from course_lib.grading import formgrading, rendering
from course_lib.grading.judging import Judge
from course_lib.questions.question import Choice, Criterion, Question


class Live(HTMLParser):
    """Collects what a browser would run or load."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "iframe", "object", "embed", "form", "style", "link", "meta", "svg"):
            self.found.append(tag)
        for name, value in attrs:
            inside = name == "src" and (value or "").startswith("data:image/png;base64,")
            if name in ("src", "href", "action", "srcset", "style") and not inside:
                self.found.append(f"{tag} {name}={value}")
            if name.startswith("on") or "javascript:" in (value or ""):
                self.found.append(f"{tag} {name}={value}")


NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1)) [y](https://x.example/a) <https://x.example>",
    "![x](https://x.example/a.png) ![y](data:image/svg+xml;base64,AAAA)",
    '![a" onload="alert(1)](data:image/png;base64,AAAA)',
    r"$\href{javascript:alert(1)}{x}$ and $$\style{color:red}{x}$$ $<script>$",
    "</pre></section><style>*{display:none}</style>",
    "| a |\n|---|\n| <svg onload=alert(1)> |",
    "```html\n<script>alert(1)</script>\n```",
    "[x]: javascript:alert(1)\n\n[x]",
]


@pytest.mark.parametrize("text", NASTY)
def test_nothing_of_a_students_text_runs_or_loads(text):
    assert Live(rendering.markdown(text)).found == []


def test_markdown_formulas_tables_and_pictures_are_shown():
    text = "**bold** $x_1 < y$\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    text += "![dot](a.png) ![p](data:image/png;base64,AA==)"
    shown = rendering.markdown(text, {"a.png": b"\x89PNG\r\n"})
    for part in ("<strong>bold</strong>", "<td>1</td>", 'alt="dot"', "base64,iVBORw0K", 'alt="p"'):
        assert part in shown, shown
    assert "<math" in shown and "<msub>" in shown


def test_a_text_that_takes_too_long_or_is_too_long_is_shown_as_it_stands():
    assert rendering.markdown("x" * 30_000).startswith("<pre>xxx")
    with Judge(seconds=20) as judge:
        assert "<strong>b</strong>" in rendering.of_student("a **b**", judge)
    with Judge(seconds=0.01) as late:
        assert rendering.of_student("a **b** <", late) == "<pre>a **b** &lt;</pre>"


@pytest.mark.parametrize("piece", ["[", "![", "**a", "$a", "> ", "- ", "`", "<", "[a](", "|a"])
def test_repeated_openings_end(piece):
    with Judge(seconds=20) as judge:
        shown = rendering.of_student(piece * (rendering.LONGEST // len(piece)), judge)
    assert shown and Live(shown).found == []


def test_who_grades_sees_rubric_reference_and_the_answer_in_a_frame_where_nothing_runs():
    q = Question(
        *("essay", "01", "written", 3.0, "Why?"),
        explanation="Since **so**.",
        reference="The *reference*.",
        rubric=(Criterion(2.0, 'names "it"'), Criterion(1.0, "an example")),
    )
    shown = formgrading.key(q, "Own\n\n**words** <script>alert(1)</script>")
    assert 'data-points="2" data-text="names &quot;it&quot;"' in shown
    assert "<em>reference</em>" in shown and "<strong>so</strong>" in shown
    assert '<iframe sandbox=""' in shown and "<script" not in shown and "\n" not in shown
    assert "default-src" in shown and "&lt;strong&gt;words" in shown
    assert "<iframe" not in formgrading.key(q, "*Write your answer here.*")


def test_choices_and_numbers_are_shown_with_their_keys():
    choices = (Choice("two", "It is even.", True), Choice("one", "It is <odd>."))
    shown = formgrading.key(
        Question("c", "01", "choice", 1.0, "?", choices=choices), "answer = 'b'"
    )
    assert "a) right</b>: It is even." in shown and "b) wrong</b>: It is &lt;odd&gt;." in shown
    number = Question("n", "01", "numeric", 1.0, "?", answer=200.0, relative=0.01, unit="m/s")
    assert "<b>200</b> m/s, give or take 2" in formgrading.key(number, "")
