"""The channel browser: what one channel of a net looks for.

    ChannelBrowser(model)     # choose stage and channel; see filter, map, pictures

For the chosen channel it shows its map for the chosen picture, its filter (first stage), the real
pictures that excite it most, and the picture that excites it most of all, which grows step by step
while you watch. Finished ones are kept. Late channels answer to many things at once, and their
optimised pictures tell a person nothing: `optimise` names the stages that get one.
"""

import base64
import io
from collections.abc import Iterator, Sequence

import traitlets

from course_lib.errors import CourseError
from course_lib.widgets.live import LiveWidget, module

PICTURES = 400  # real pictures among which the strongest are looked for
SHOWN = 6  # pictures to choose the current one from
STRONGEST = 9
STEPS = 96
EVERY = 4  # steps between two looks at the growing picture


class ChannelBrowser(LiveWidget):
    """A page to look into the channels of `model`.

    Args:
        model: a Backbone.
        pictures: uint8 (n, 3, height, width), 9 or more, among which the strongest are looked for;
            default: fresh pictures of the image world.
        stage, channel: what to show first.
        optimise: stages whose channels get an optimised picture; default: all.

    Raises:
        CourseError: too few pictures, or a stage or channel that does not exist.
    """

    _esm = module("channels")
    stages = traitlets.List().tag(sync=True)  # [name, number of channels] in order
    examples = traitlets.List().tag(sync=True)  # the pictures to choose from, as data URLs
    stage = traitlets.Unicode().tag(sync=True)
    channel = traitlets.Int(0).tag(sync=True)
    example = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        model,
        pictures=None,
        stage: str | None = None,
        channel: int = 0,
        optimise: Sequence[str] | None = None,
    ):
        from course_lib import checks, world
        from course_lib.see import peaks, stage_maps

        if pictures is None:
            pictures = world.render(world.sample(PICTURES, seed=20_601))
        if len(pictures) < STRONGEST:
            raise CourseError(f"Give {STRONGEST} pictures or more; got {len(pictures)}.")
        self._model, self._pictures = model, pictures
        self._optimise = tuple(model.stage_names if optimise is None else optimise)
        for name in self._optimise:
            checks.one_of(name, "stage to optimise for", model.stage_names)
        self._peaks = peaks(model, pictures)
        self._maps = stage_maps(model, pictures[:SHOWN])
        self._found: dict[tuple[str, int], dict] = {}  # optimised pictures that are done
        self._growing: dict | None = None
        super().__init__(
            stages=[[name, maps.shape[1]] for name, maps in self._maps.items()],
            examples=[data_url(picture) for picture in pictures[:SHOWN]],
        )
        self.choose(stage or model.stage_names[len(model.stage_names) // 2], channel)

    def choose(self, stage: str, channel: int, example: int = 0) -> None:
        """Show another channel, or another picture. Raises CourseError for one that is not there.

        example: which of the first six pictures the maps are of.
        """
        sizes = dict(self.stages)
        if stage not in sizes or not 0 <= channel < sizes[stage]:
            known = ", ".join(f"{name} (0 to {k - 1})" for name, k in sizes.items())
            raise CourseError(f"No channel {channel} of {stage!r}. There are: {known}.")
        if not 0 <= example < len(self.examples):
            raise CourseError(f"No picture {example}; there are 0 to {len(self.examples) - 1}.")
        self._end()  # what was growing for another channel
        self.finished = False
        self._growing = self._found.get((stage, channel))
        self.stage, self.channel, self.example = stage, channel, example

    def act(self, name: str, **values) -> None:
        """ "choose": see `choose`."""
        if name != "choose":
            raise CourseError(f"The channel browser cannot {name!r}.")
        self.choose(values["stage"], int(values["channel"]), int(values["example"]))
        self.say({"shown": self.snapshot()})

    def snapshot(self) -> dict:
        """All that the page shows of the chosen channel."""
        from course_lib.see import strongest

        maps = self._maps[self.stage][self.example]
        best = strongest(self._peaks[self.stage], STRONGEST)[self.channel]
        return {
            "stage": self.stage,
            "channel": self.channel,
            "example": self.example,
            "sheet": _sheet_url(maps),
            "columns": _columns(len(maps)),
            "map": _map_url(maps[self.channel]),
            "size": list(maps.shape[1:]),
            "filter": self._filter_url(),
            "strongest": [data_url(self._pictures[int(i)]) for i in best],
            "optimises": self.stage in self._optimise,
            "optimised": self._growing,
        }

    def work(self) -> Iterator[dict | None]:
        """The optimised picture, step by step."""
        from course_lib.see import ascend

        key = self.stage, self.channel
        if self.stage not in self._optimise:
            return
        for step, (picture, answer) in enumerate(
            ascend(self._model, self.stage, [self.channel], STEPS), 1
        ):
            if step % EVERY and step < STEPS:
                yield None
                continue
            self._growing = {
                "picture": data_url(_bytes(picture[0])),
                "answer": round(float(answer[0]), 2),
                "step": step,
                "steps": STEPS,
                "done": step == STEPS,
            }
            if step == STEPS:
                self._found[key] = self._growing
            yield {"optimised": self._growing, "stage": key[0], "channel": key[1]}

    def clear(self) -> None:
        self._growing = None

    def figure(self):
        """(matplotlib figure, alt text): the chosen channel."""
        from matplotlib import pyplot as plt

        from course_lib.see import strongest

        best = strongest(self._peaks[self.stage], STRONGEST)[self.channel]
        optimised = self.stage in self._optimise
        if optimised and (self._growing is None or not self._growing["done"]):
            list(self.work())  # so that the page has it at once, too
        ratios = (1, 1, 1.05, 1)[: 3 + optimised]
        fig, axes = plt.subplots(
            1, len(ratios), figsize=(2.1 * len(ratios), 2.4), width_ratios=ratios
        )
        axes[0].imshow(_channels_last(self._pictures[self.example]))
        axes[1].imshow(self._maps[self.stage][self.example][self.channel], cmap="inferno")
        grid = [_channels_last(self._pictures[int(i)]) for i in best]
        axes[2].imshow(_grid(grid))
        if optimised:
            axes[3].imshow(_from_url(self._growing["picture"]))
        titles = ("picture", "its map", "strongest", "optimised")
        for ax, title in zip(axes, titles, strict=False):
            ax.set_title(title, fontsize=10)
            ax.set_axis_off()
        fig.suptitle(f"{self.stage}, channel {self.channel}", x=0.01, ha="left", weight="bold")
        return fig, (
            f"Channel {self.channel} of {self.stage}: a picture, the channel's map for it, the "
            f"nine real pictures that excite it most{', an optimised one' if optimised else ''}."
        )

    def _filter_url(self) -> str:
        """The filter, for the first stage; deeper filters read features, not colours."""
        from course_lib.see import first_filters

        if self.stage != self.stages[0][0]:
            return ""
        weights = first_filters(self._model)[self.channel]
        return data_url(_bytes((0.5 + 0.5 * weights / weights.abs().max()).clamp(0, 1)))


def _bytes(picture):
    import torch

    return (picture * 255).round().to(torch.uint8)


def _channels_last(picture):
    return picture.permute(1, 2, 0).cpu().numpy()


def _grid(pictures: list):
    """Nine pictures as one, three in a row."""
    import numpy as np

    return np.concatenate([np.concatenate(pictures[k : k + 3], 1) for k in range(0, STRONGEST, 3)])


def data_url(picture) -> str:
    """A uint8 picture (3, height, width) as the URL of a PNG."""
    return _png_url(_channels_last(picture))


def _from_url(url: str):
    import numpy as np
    from PIL import Image

    return np.array(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def _map_url(values) -> str:
    from matplotlib import colormaps

    low, high = float(values.min()), float(values.max())
    shade = (values - low) / max(high - low, 1e-12)
    return _png_url((colormaps["inferno"](shade.numpy())[..., :3] * 255).astype("uint8"))


def _columns(channels: int) -> int:
    return next(k for k in range(1, channels + 1) if k * k * 2 >= channels * 4 or k == channels)


def _sheet_url(maps) -> str:
    """All maps of a stage side by side without gaps, each on its own scale."""
    import torch

    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    shades = (maps - low) / (high - low).clamp(min=1e-12)
    columns = _columns(len(maps))
    missing = -len(maps) % columns
    shades = torch.cat([shades, torch.zeros(missing, *maps.shape[1:])])
    rows = shades.unflatten(0, (-1, columns)).permute(0, 2, 1, 3)
    return _map_url(rows.reshape(rows.shape[0] * rows.shape[1], -1))


def _png_url(pixels) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
