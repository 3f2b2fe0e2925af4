"""The pictures of the README, made from the package itself: `make pictures`."""

from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from course_lib import load_backbone, world
from course_lib.measure.figures import style
from course_lib.see import filter_figure, picture_grid, visualise

OUT = Path(__file__).resolve().parents[1] / "docs" / "pictures"


def sheet(pictures: torch.Tensor, columns: int, scale: int = 1) -> Image.Image:
    """uint8 (n, 3, 64, 64) as one picture with thin white gaps."""
    n, _, height, width = pictures.shape
    rows = -(-n // columns)
    canvas = torch.full((3, rows * (height + 2) - 2, columns * (width + 2) - 2), 255)
    canvas = canvas.to(torch.uint8)
    for place, picture in enumerate(pictures):
        top, left = place // columns * (height + 2), place % columns * (width + 2)
        canvas[:, top : top + height, left : left + width] = picture
    image = Image.fromarray(canvas.permute(1, 2, 0).numpy())
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.LANCZOS)


def contact_sheet() -> Image.Image:
    """Every shape once or more, every texture, busy and plain grounds, the last row at night."""
    columns, rows = 14, 6
    n = columns * rows
    scenes = world.sample(n, seed=12, distractors=2)
    place = torch.arange(n)
    scenes = replace(
        scenes,
        shape=(place * 7 + place // columns) % len(world.SHAPES),
        texture=(place * 5 + place // columns * 3) % len(world.TEXTURES),
        night=place >= n - columns,
    )
    return sheet(world.render(scenes), columns)


def domains() -> Image.Image:
    """The other pictures of the course: fractals, radiographs, digits in three dresses."""
    from course_lib.world import digits, fractals, phantoms

    columns = 14
    rows = [
        fractals.pictures(columns, seed=3)[0],
        phantoms.radiographs(columns, seed=3).pictures,
        digits.pictures("plain", "train")[0][:columns],
        digits.pictures("cluttered", "train", n=columns)[0],
        digits.pictures("blended", "train", n=columns)[0],
    ]
    return sheet(torch.cat(rows), columns)


def filters():
    """First-layer filters of WorldNet beside those of a random net."""
    pair = {"pretrained": load_backbone(), "random": load_backbone(pretrained=False)}
    with style():
        return filter_figure(pair)


DREAMS = (("stem", 0), ("layer1", 9), ("layer2", 8), ("layer4", 18))


def dreams():
    """Four pictures, each optimised for one channel, from the first stage to the last."""
    model = load_backbone()
    found = [
        (visualise(model, stage, [channel], steps=192) * 255).byte() for stage, channel in DREAMS
    ]
    large = torch.cat(found).repeat_interleave(4, 2).repeat_interleave(4, 3)
    with style():
        return picture_grid(large, [f"{stage}, channel {channel}" for stage, channel in DREAMS])


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, image in (("world", contact_sheet()), ("domains", domains())):
        small = image.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
        small.save(OUT / f"{name}.png", optimize=True)
    dreams().savefig(OUT / "dreams.png", dpi=150, bbox_inches="tight")
    filters().savefig(OUT / "filters.png", dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    main()
