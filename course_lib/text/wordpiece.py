"""Text to numbers and back: WordPiece, the vocabulary of BERT (Schuster and Nakajima 2012).

A frequent word is one token, a rare one is put together from pieces: "overfitting" is "over",
"##fi", "##tting", or whatever pieces the texts have taught.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordPiece
from tokenizers.trainers import WordPieceTrainer
from torch import Tensor

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.files import write_atomically

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNKNOWN, START, END, MASK = range(len(SPECIAL))


def learn_vocabulary(texts: Iterable[str], size: int = 4000) -> list[str]:
    """The `size` tokens that put texts together best, the special ones first.

    Of equally good ones chance takes one: two calls need not give the same.
    """
    tokenizer = tokenizer_of([*SPECIAL])
    trainer = WordPieceTrainer(
        vocab_size=size, special_tokens=[*SPECIAL], min_frequency=5, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    numbers = tokenizer.get_vocab()
    return sorted(numbers, key=numbers.__getitem__)


def tokenizer_of(vocabulary: list[str]) -> Tokenizer:
    """The `tokenizers.Tokenizer` of a vocabulary: lower case, words and punctuation apart."""
    numbers = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([*SPECIAL])
    return tokenizer


def write_vocabulary(vocabulary: list[str], path: Path) -> None:
    write_atomically(path, json.dumps(vocabulary, indent=0) + "\n")


@lru_cache(maxsize=4)
def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a vocabulary file. Raises CourseError for a file of another kind."""
    try:
        vocabulary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} is no vocabulary: {error}.") from error
    if not isinstance(vocabulary, list) or tuple(vocabulary[: len(SPECIAL)]) != SPECIAL:
        raise CourseError(f"{path} is no vocabulary: a list that begins with {SPECIAL} was due.")
    return tokenizer_of(vocabulary)


def encode(tokenizer: Tokenizer, texts: Iterable[str], longest: int) -> Tensor:
    """(texts, length) int64: [CLS], the tokens, [SEP], then [PAD]; cut at `longest` tokens.

    length: of the longest text, at most `longest`.
    """
    longest = checks.whole_number(longest, "longest", least=2)
    lines = [
        [START, *one.ids[: longest - 2], END]
        for one in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    ]
    tokens = torch.full((len(lines), max(map(len, lines), default=0)), PAD)
    for row, line in enumerate(lines):
        tokens[row, : len(line)] = torch.tensor(line)
    return tokens


def words(tokenizer: Tokenizer, tokens: Iterable[int]) -> list[str]:
    """The tokens as they are written, such as ["fine", "-", "tun", "##ing"]."""
    return [tokenizer.id_to_token(int(token)) or "[UNK]" for token in tokens]
