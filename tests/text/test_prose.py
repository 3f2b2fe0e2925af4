"""What is left of a docstring: sentences, by section."""

import pytest

from course_lib.text.prose import Section, docstrings, is_prose, plain, sections

NUMPYDOC = """Compute the mean of the values along an axis of the array.

    Parameters
    ----------
    a : array_like
        Array that holds the numbers whose mean is to be computed
        for each of the axes.
    axis : int, optional
        Axis along which the means are computed by this function.

    Returns
    -------
    m : ndarray
        A new array that holds the mean values of the input.

    See Also
    --------
    average : Weighted average of the values in an array of numbers.

    Notes
    -----
    The mean is the sum of the elements along the axis divided by :math:`n`.

    Examples
    --------
    >>> a = np.array([[1, 2], [3, 4]])
    >>> np.mean(a)
    2.5
    """
GOOGLE = """Runs the model on the batch that it is given.

    Args:
        batch (Tensor): the pictures that the model should look at
            in this step.

    Returns:
        The scores of all of the classes for each picture.
    """
SPHINX = """Connect to the database with the options that are given here.

    :param url: the address of the database to which it will connect.
    :param echo: if True, all statements are written to the log.
    """


def test_numpydoc_is_cut_at_its_underlined_headings():
    found = sections(NUMPYDOC)
    assert [section.kind for section in found] == ["description", "parameters", "returns", "notes"]
    assert found[1].paragraphs == (
        "Array that holds the numbers whose mean is to be computed for each of the axes.",
        "Axis along which the means are computed by this function.",
    )
    assert found[3].paragraphs == (
        "The mean is the sum of the elements along the axis divided by x.",
    )


def test_google_and_sphinx_habits_are_read_too():
    kinds = {section.kind: section.paragraphs for section in sections(GOOGLE)}
    assert kinds["parameters"] == ("the pictures that the model should look at in this step.",)
    assert kinds["returns"] == ("The scores of all of the classes for each picture.",)
    assert sections(SPHINX)[1] == Section(
        "parameters",
        (
            "the address of the database to which it will connect.",
            "if True, all statements are written to the log.",
        ),
    )


@pytest.mark.parametrize(
    "block",
    [
        ">>> model = Net()\n>>> print(the mean of the model)\n0.5",
        "For example::\n\n    for the_value in the_list:\n        print(the_value of it)",
        ".. code-block:: python\n\n    if the value is in the list: return it",
        "=====  ========  ======\nname   the value of it\n=====  ========  ======",
        "| a cell of the table | another cell in the table |",
        ".. versionadded:: 1.2\n    The option that is new in this version of it.",
    ],
)
def test_code_tables_and_boilerplate_are_left_out(block):
    text = f"This is the first sentence of the text.\n\n{block}\n\nAnd this is the last one of it."
    (section,) = sections(text)
    said = " ".join(section.paragraphs)
    assert said.startswith("This is the first") and said.endswith("the last one of it.")
    assert "value" not in said and "mean" not in said and "cell" not in said and "new" not in said


def test_notes_in_a_directive_are_kept():
    (section,) = sections(
        "A short line that says what this is.\n\n.. note:: This is what it is for."
    )
    assert section.paragraphs[-1] == "This is what it is for."


@pytest.mark.parametrize(
    ("marked", "read"),
    [
        (":class:`~torch.nn.Linear` is a layer", "Linear is a layer"),
        (":ref:`the guide <guide>` tells it", "the guide tells it"),
        ("``None`` or *several* **values**", "None or several values"),
        ("see https://example.org/x for more", "see for more"),
        ("as in [1]_ , where it stands", "as in, where it stands"),
    ],
)
def test_markup_is_taken_off(marked, read):
    assert plain(marked) == read


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Returns a copy of the array with the values sorted.", True),
        ("alpha beta gamma delta epsilon zeta eta theta", False),  # a list of names
        ("x = [1, 2, 3]; y = f(x) + g(x) * 2 in the end", False),
        ("too few words here", False),
    ],
)
def test_prose_is_told_from_names_and_code(text, verdict):
    assert is_prose(text) is verdict


def test_docstrings_are_found_without_running_anything():
    source = (
        '"""Of the module."""\nraise SystemExit\n'
        'def f():\n    """Of the function."""\n'
        'add_newdoc("f", """Handed to a function.""")\n'
        '_shared_docs = """In a variable."""\n'
        'other = """No docstring."""\n'
    )
    found = list(docstrings(source))
    assert found[0] == "Of the module."
    assert {"Of the function.", "Handed to a function.", "In a variable."} <= set(found)
    assert "No docstring." not in found
    assert list(docstrings("def broken(:")) == []
