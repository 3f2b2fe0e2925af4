"""Claims asked again of nets that were pretrained from other seeds.

Nearly every claim of the image world was measured on one net, the one that is shipped: its
interval says what other labels would give, not what another net would. Here the same trials, with
the settings that had been chosen on the shipped net, run on two more nets of a shorter recipe, on
draws of their own. Draws are nested in nets, so that the mean of each net counts as one. Where a
claim is one about tuned rivals, settings are also chosen anew on each net, by the same search.

The nets lie in benchmarks/nets; benchmarks/claims_on_other_nets.py measures the rows.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pandas as pd

from course_lib.claims import claims
from course_lib.lab import store, tracks
from course_lib.lab.claim import Claim, Result, result_of
from course_lib.lab.quantities import NET

FOLDER = store.RESULTS / "nets"
RECIPE = "--pictures 60000 --fractals 15000 --epochs 7 --rate 0.12"
DRAWS = 4  # on each net
SHIPPED = "shipped"


@dataclass(frozen=True)
class Net:
    """WorldNet by `course pretrain --seed SEED` and RECIPE.

    sha256: of its file. draws: of labels and pictures, shared with no other net.
    """

    name: str
    seed: int
    sha256: str
    draws: tuple[int, ...]

    @property
    def choices(self) -> Path:
        """Where the settings chosen on this net are stored."""
        return FOLDER / self.name / "tuning"

    def track(self, folder: Path | None = None) -> tracks.Track:
        """The image world with this net. folder: that holds its file, needed to measure."""
        return replace(
            tracks.TRACKS["world"],
            sha256=self.sha256,
            weights=folder / f"{self.name}.safetensors" if folder else None,
        )


NETS = (
    Net(
        "seed1",
        1,
        "69adbad22576285228a8459b8a73b715ce5dbfe60a15d530312d73180166454c",
        tuple(range(20, 20 + DRAWS)),
    ),
    Net(
        "seed2",
        2,
        "ab4189e27966b0914ad49b9c8e174e9fd5a6f89cf0e5aa0e0bcd5cf7785ccc84",
        tuple(range(30, 30 + DRAWS)),
    ),
)

# What changes beside the draws: C08 asks for the numbers of labels that decide, and no others.
ASKED: dict[str, dict] = {
    "C06": {},
    "C08": {"trains": (24, 150, 1_000)},
    **dict.fromkeys(
        ("C11", "C14", "C15", "C18", "C19", "C23", "C35", "C36", "C20", "C21", "C13", "C16", "C17"),
        {},
    ),
}


ANEW = ("C19",)  # settings are chosen on each net, too
TUNED_ANEW = ", tuned anew"  # after the tag of a claim


def asked(tag: str, net: Net, anew: bool = False) -> Claim:
    """A claim at full size with the draws of a net. anew: with the settings chosen on it; raises
    store.Unfinished while there are none."""
    claim = claims()[tag]
    settings = {"settings": claim.tuning.chosen(net.choices)} if anew else {}
    return replace(claim, full={**claim.full, **ASKED[tag], **settings, "seeds": net.draws})


@dataclass(frozen=True)
class Compared:
    """A claim on the shipped net, on each other net (by name), and over all of them."""

    alone: dict[str, Result]
    together: Result


@lru_cache(maxsize=1)
def stored() -> dict[str, Compared]:
    """By tag what the nets gave, of the claims that were measured on all of them."""
    found = {}
    for tag in ASKED:
        with suppress(store.Unfinished):
            found[tag] = compared(tag)
    for tag in ANEW:
        with suppress(store.Unfinished):
            found[tag + TUNED_ANEW] = compared(tag, anew=True)
    return dict(sorted(found.items()))


def compared(tag: str, anew: bool = False) -> Compared:
    """Raises store.Unfinished where a net lacks rows."""
    claim = claims()[tag]
    alone = {SHIPPED: store.stored_result(claim)}
    for net in NETS:
        one = store.stored_result(asked(tag, net, anew), net.track(), FOLDER / net.name)
        if one.unfinished:
            raise store.Unfinished(f"{tag} on {net.name}: {one.unfinished}")
        alone[net.name] = one
    rows = pd.concat([one.rows.assign(**{NET: name}) for name, one in alone.items()])
    # Details that only the shipped net has rows for are left out.
    return Compared(alone, result_of(claim, rows.reset_index(drop=True)))


def about() -> str:
    """What the table shows, in Markdown."""
    return (
        f"The shipped net and {len(NETS)} more, pretrained from other seeds by a shorter recipe "
        f"(`course pretrain {RECIPE}`), with the settings that were chosen on the shipped net, "
        f"unless it says *tuned anew*, and {DRAWS} draws of their own each. The interval is of "
        f"the mean over nets. With {len(NETS) + 1} nets it is wide: read first whether the nets "
        "agree. A claim that is missing here has not been measured on all of them."
    )


def table() -> pd.DataFrame:
    """A line for each part that decides a claim: its number on each net, then over all nets."""
    lines = []
    for tag, found in stored().items():
        for number, judged in enumerate(found.together.judged):
            unit = judged.part.unit
            each = {
                name: unit(result.judged[number].estimate.value)
                for name, result in found.alone.items()
            }
            lines.append(
                {
                    "claim": tag,
                    "part": judged.part.rule,
                    **each,
                    "95 % over nets": judged.interval,
                    "verdict over nets": judged.verdict,
                    "verdicts alone": ", ".join(
                        dict.fromkeys(one.judged[number].verdict for one in found.alone.values())
                    ),
                }
            )
    return pd.DataFrame(lines)
