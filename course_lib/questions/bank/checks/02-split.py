"""Input: how many pictures. Outputs: sizes of the three piles; pictures in two of them; pictures in
none; whether they were shuffled."""


def inputs(rng):
    return [{"n": int(n)} for n in rng.integers(8, 40, 3) * 5]


def run(answer, case):
    n = case["n"]
    piles = [[int(row) for row in pile] for pile in answer.split(n)]
    train, validation, test = (set(pile) for pile in piles)
    yield "sizes", [len(pile) for pile in piles]
    yield "twice", len(train & test) + len(validation & test) + len(train & validation)
    yield "missing", len(set(range(n)) - train - validation - test)
    yield "shuffled", piles[0] != sorted(piles[0])


def explain(case, want, have):
    if have.get("twice"):
        return (
            f"{have['twice']} pictures lie in two piles. A test picture that was trained on is "
            "answered from memory: the score would tell nothing about new pictures."
        )
    if have.get("missing"):
        return f"{have['missing']} of {case['n']} pictures are in no pile."
    if not have.get("shuffled"):
        return (
            "The pictures were not shuffled. Folders are read class by class: the test pile would "
            "hold the last classes only."
        )
    return f"Of {case['n']} pictures the piles have {have['sizes']}; asked for {want['sizes']}."
