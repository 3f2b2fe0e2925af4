"""The caption search: type a caption, see the pictures that lie nearest to it in the joint space.

search = CaptionSearch(towers, backbone)
search                            # a line to type in, and the nearest of 1,000 pictures
search.find("a small wavy key")   # the same without a page
"""

import traitlets

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.widgets.channels import data_url
from course_lib.widgets.live import LiveWidget, module

PICTURES, SEED = 1_000, 31_900_001
SHOWN = 12
LONGEST = 120  # letters of a caption
EXAMPLES = ("a striped heart", "a two-tone fish", "a red key", "a large wavy circle")


class CaptionSearch(LiveWidget):
    """Pictures of the image world, found by words.

    Args:
        towers: trained two towers whose picture tower takes `tower_features(backbone, ...)`.
        backbone: the frozen net.
        pictures: how many fresh pictures there are to find, 12 or more; all shapes and textures.
        caption: what to look for first.

    Raises:
        CourseError: too few pictures, or a caption that is no text.
    """

    _esm = module("captions")
    caption = traitlets.Unicode(EXAMPLES[0]).tag(sync=True)
    info = traitlets.Dict().tag(sync=True)

    def __init__(self, towers, backbone, pictures: int = PICTURES, caption: str = EXAMPLES[0]):
        from course_lib import world
        from course_lib.joint import tower_features
        from course_lib.joint.words import factor_words

        count = checks.whole_number(pictures, "pictures", SHOWN)
        super().__init__(caption=_checked(caption))
        scenes = world.sample(count, seed=SEED, shapes=world.SHAPES, textures=world.TEXTURES)
        self._towers, self._pictures = towers, world.render(scenes)
        self._words = factor_words(scenes)
        self._vectors = towers.embed_pictures(tower_features(backbone, self._pictures))
        self.info = {"examples": EXAMPLES, "count": count, "longest": LONGEST}

    def nearest(self, caption: str) -> dict:
        """The 12 pictures nearest to a caption, as plain data.

        unknown: its words that no caption of the training had, which are left out. pictures: of
        each its number, its cosine with the caption and what it shows, the nearest first; none
        where no word is known. shown: for each shape, texture, colour or size that it names how
        many of them show it. all: how many pictures show every one of these, and how many of those
        are among the 12.
        """
        from course_lib.joint import nearest
        from course_lib.joint.words import split_words

        caption = _checked(caption)
        said, unknown = split_words(caption), self._towers.vocabulary.unknown(caption)
        found: dict = {
            "caption": caption,
            "unknown": unknown,
            "pictures": [],
            "shown": {},
            "all": (),
        }
        if set(said) <= set(unknown):
            return found
        places, cosines = nearest(self._towers, self._vectors, caption, SHOWN)
        for place, cosine in zip(places.tolist(), cosines.tolist(), strict=True):
            found["pictures"].append(
                {"number": place, "cosine": round(cosine, 3), "says": self._says(place)}
            )
        among, whole = places.tolist(), set(range(len(self._pictures)))
        for word in (word for word in dict.fromkeys(said) if word not in unknown):
            for factor in ("shape", "texture", "colour", "size"):
                if word in self._words[factor]:
                    found["shown"][word] = sum(self._words[factor][k] == word for k in among)
                    whole = {k for k in whole if self._words[factor][k] == word}
        if len(found["shown"]) > 1:
            found["all"] = (len(whole), len(whole & set(among)))
        return found

    def find(self, caption: str) -> None:
        """Show the nearest pictures as a figure, and what the caption's words came to.

        Pages that show the widget follow. Raises CourseError for a caption that is no text.
        """
        from course_lib.measure.figures import show, style

        self.act("search", caption=caption)
        print(told(self.nearest(caption), len(self._pictures)))
        with style():
            show(*self.figure())

    def act(self, name: str, **values) -> None:
        """ "search": see `nearest`."""
        if name != "search":
            raise CourseError(f"The caption search cannot {name!r}.")
        found = self._for_page(values.get("caption"))  # before anything changes
        self.caption = found["caption"]
        self.say(found)

    def snapshot(self) -> dict:
        return self._for_page(self.caption)

    def figure(self):
        """(matplotlib figure, alt text): the pictures nearest to the current caption."""
        from course_lib.see import picture_grid

        found = self.nearest(self.caption)
        words = told(found, len(self._pictures))
        places = [one["number"] for one in found["pictures"]]
        if not places:
            return _empty(words), words
        titles = [self._words["texture"][k] + "\n" + self._words["shape"][k] for k in places]
        fig = picture_grid(self._pictures[places], titles, columns=6, heading=self.caption)
        said = "; ".join(one["says"] for one in found["pictures"])
        return fig, f"{words} From the nearest on: {said}."

    def _for_page(self, caption) -> dict:
        found = self.nearest(caption)
        for one in found["pictures"]:
            one["url"] = data_url(self._pictures[one["number"]])
        return {**found, "told": told(found, len(self._pictures))}

    def _says(self, place: int) -> str:
        parts = [self._words[f][place] for f in ("size", "colour", "texture", "shape", "place")]
        return " ".join(filter(None, parts))


def told(found: dict, count: int) -> str:
    """What a search came to, in a sentence or two. found: as `CaptionSearch.nearest` gives it."""
    unknown = ", ".join(found["unknown"])
    if not found["pictures"]:
        why = f"No caption ever had: {unknown}." if unknown else "The caption has no words."
        return f"{why} So there is nothing to look for."
    shown = ", ".join(f"{word} {n}" for word, n in found["shown"].items())
    text = f"The {len(found['pictures'])} nearest of {count:,} pictures."
    text += f" How many of them show each word: {shown}." if shown else ""
    if found["all"]:
        text += (
            f" {found['all'][0]} of all pictures show all of it, {found['all'][1]} of the nearest."
        )
    return text + (f" No caption ever had, so they are left out: {unknown}." if unknown else "")


def _checked(caption) -> str:
    if not isinstance(caption, str):
        raise CourseError(f"A caption is a text, such as {EXAMPLES[0]!r}; got {caption!r}.")
    if len(caption) > LONGEST:
        raise CourseError(f"A caption has {LONGEST} letters at most; this one has {len(caption)}.")
    return caption


def _empty(words: str):
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(7, 0.8))
    ax.set_axis_off()
    ax.text(0, 0.5, words, va="center", transform=ax.transAxes)
    return fig
