"""Text to numbers and back."""

import json

import pytest

from course_lib.errors import CourseError
from course_lib.text.wordpiece import (
    END,
    MASK,
    PAD,
    SPECIAL,
    START,
    encode,
    learn_vocabulary,
    read_tokenizer,
    tokenizer_of,
    words,
    write_vocabulary,
)


def test_a_frequent_word_is_one_token_and_a_rare_one_is_put_together(tiny_tokenizer):
    (line,) = encode(tiny_tokenizer, ["Nodes and nodestable"], 12)
    said = words(tiny_tokenizer, line)
    assert said[0] == "[CLS]" and said[-1] == "[SEP]" and said[1] == "nodes"
    assert len(said) > 5 and any(piece.startswith("##") for piece in said)


def test_texts_are_padded_to_the_longest_and_cut(tiny_tokenizer):
    tokens = encode(tiny_tokenizer, ["the graph", "the graph has nodes and edges"], 6)
    assert tokens.shape == (2, 6)
    assert tokens[0].tolist()[:1] == [START] and tokens[0, 4:].tolist() == [PAD, PAD]
    assert tokens[1, -1] == END
    assert encode(tiny_tokenizer, [], 6).shape == (0, 0)


def test_masked_words_are_one_token_each(tiny_tokenizer):
    tokens = encode(tiny_tokenizer, ["the [MASK] has [MASK]."], 12)
    assert (tokens == MASK).sum() == 2


def test_a_vocabulary_comes_back_from_its_file(tmp_path):
    vocabulary = learn_vocabulary(["a row of words and a row of rows"] * 10, 40)
    assert tuple(vocabulary[:5]) == SPECIAL and len(set(vocabulary)) == len(vocabulary)
    write_vocabulary(vocabulary, tmp_path / "v.json")
    assert json.loads((tmp_path / "v.json").read_text()) == vocabulary
    text = ["a row of rows and words"]
    read = read_tokenizer(tmp_path / "v.json")
    assert encode(read, text, 20).equal(encode(tokenizer_of(vocabulary), text, 20))


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"a": 1}', "no json"])
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path, content):
    path = tmp_path / "v.json"
    path.write_text(content)
    with pytest.raises(CourseError, match="no vocabulary"):
        read_tokenizer(path)
