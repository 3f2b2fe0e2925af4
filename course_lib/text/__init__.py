"""A language model in miniature: text to read, words as numbers, pretraining, fine-tuning.

prose       English sentences out of docstrings
corpus      whose docstrings, which files, what is read twice
passages    the labelled extract: which library, which section
wordpiece   text to numbers and back
bert        the model and its two heads, on one screen
masking     words that are hidden, and the loss on them
pretraining the loop behind the shipped weights, and their card
finetuning  a classifier on top, its rivals, their tuning
"""
