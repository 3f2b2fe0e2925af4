"""A language model in miniature: text to read, words as numbers, pretraining, fine-tuning.

prose       English sentences out of docstrings
corpus      whose docstrings, which files, what is read twice
passages    the labelled extract: which library, which section
wordpiece   text to numbers and back
bert        the model and its two heads, on one screen
masking     words that are hidden, and the loss on them
pretraining the loop behind the shipped weights, and their card
finetuning  a classifier on top, and its rivals
tuning      one search for all of them
filling     what the model would write in a gap
"""

from course_lib.text.card import LanguageModel, load_language_model
from course_lib.text.filling import fill_in
from course_lib.text.finetuning import count_words, fine_tune, head_alone, tokens_of
from course_lib.text.masking import hide
from course_lib.text.passages import Passages, TextTask, load_text_task
from course_lib.text.wordpiece import MASK, encode, words

__all__ = [
    "MASK",
    "LanguageModel",
    "Passages",
    "TextTask",
    "count_words",
    "encode",
    "fill_in",
    "fine_tune",
    "head_alone",
    "hide",
    "load_language_model",
    "load_text_task",
    "tokens_of",
    "words",
]
