"""Make course_lib/text/shipped/passages.json.gz and its NOTICE.md from the installed libraries.

The extract is frozen: run this only to replace it, and measure C33 and C33b anew afterwards.
"""

import gzip
import json
import re
from collections import Counter
from importlib import metadata

from course_lib.files import write_atomically
from course_lib.text import corpus, passages

WANTED = {"train": 450, "validation": 60, "test": 330}  # of each library
PER_FILE = 24
# Read by a person from the metadata of the installed versions and the licence files beside it.
PERMITTED = ("BSD", "MIT", "Apache", "PSF", "Python Software Foundation", "matplotlib")
BUNDLED = r"\n-{4,}\n"  # what follows this line in a licence file is of parts that a wheel bundles

NOTICE = """# Where the passages come from

`passages.json.gz` holds extracts of 45 words from docstrings of the libraries below, at the version
given, with names and code masked. They are data for an exercise. Each extract stays under the
licence of its library, which stands in `LICENCES.txt`; its copyright holders wrote it, and the
licence of this course does not cover it. `vocabulary.json` and `language.safetensors` were learnt
from docstrings of these and other libraries (listed in `language.json`) and hold no text of theirs.
Where an expression names several licences, it covers parts that a library bundles, too; docstrings
are under the library's own.

| library | version | licence, from its metadata | project | passages |
|---|---|---|---|--:|
"""


def main() -> None:
    names = corpus.installed()
    documents = [document for name in names for document in corpus.read_library(name)]
    chosen = passages.choose(documents, WANTED, PER_FILE)
    extract = {
        "libraries": list(corpus.TASK_LIBRARIES),
        "sections": list(passages.SECTION_NAMES),
        "versions": corpus.versions(corpus.TASK_LIBRARIES),
        "passages": [row[:4] for row in chosen],
        "files": [row[4] for row in chosen],
    }
    content = gzip.compress(json.dumps(extract, indent=0).encode(), 9, mtime=0)
    write_atomically(passages.EXTRACT, content)
    counts = Counter(row[0] for row in chosen)
    lines = [line(name, counts[k]) for k, name in enumerate(corpus.TASK_LIBRARIES)]
    write_atomically(passages.EXTRACT.with_name("NOTICE.md"), NOTICE + "\n".join(lines) + "\n")
    texts = "\n\n".join(licence_of(name) for name in corpus.TASK_LIBRARIES)
    write_atomically(passages.EXTRACT.with_name("LICENCES.txt"), texts)
    print(f"{len(chosen):,} passages, {len(content) / 1e6:.2f} MB")
    table = Counter((extract["libraries"][r[0]], r[2], extract["sections"][r[1]]) for r in chosen)
    for key, count in sorted(table.items()):
        print(*key, count)


def licence_of(name: str) -> str:
    """A library's own licence as installed, without those of parts that it bundles."""
    files = [
        file
        for file in metadata.files(name) or []
        if re.search("licen[cs]e|copying", file.name, re.I) and ".dist-info" in str(file)
    ]
    text = min(files, key=lambda file: (len(file.parts), len(str(file)))).read_text()
    own = re.split(BUNDLED, text, maxsplit=1)[0].rstrip()
    return f"==== {name} {metadata.version(name)} ====\n\n{own}\n"


def line(name: str, count: int) -> str:
    """A row of the notice. Raises SystemExit for a licence that does not permit extracts."""
    about = metadata.metadata(name)
    said = [
        one.rsplit(":: ", 1)[-1] for one in about.get_all("Classifier") or [] if "License" in one
    ]
    licence = about.get("License-Expression") or ", ".join(said) or str(about.get("License"))[:60]
    if not any(word.lower() in licence.lower() for word in PERMITTED):
        raise SystemExit(f"{name}: {licence} is none of {PERMITTED}.")
    pages = [url.split(", ", 1)[1] for url in about.get_all("Project-URL") or [] if ", " in url]
    home = about.get("Home-page") or next(iter(pages), "")
    return f"| {name} | {about['Version']} | {licence} | {home} | {count} |"


if __name__ == "__main__":
    main()
