"""Train the stored translator of day and night: python tools/train_translator.py [STEPS]

Three minutes on one core. Unlabelled pictures of the held-out shapes, no pairs; then it measures on
scenes that it has not seen and writes weights and card into course_lib/adaptation/weights.
"""

import sys
import time

import torch
from tqdm import tqdm

from course_lib.adaptation.translation import CYCLE, IDENTITY, WIDTH, Translator, save_translator
from course_lib.claims.trials.night import same_scenes, unpaired
from course_lib.measure.hardware import machine

PICTURES, SEED = 2_000, 100  # another seed than those of the claims


def main(steps: int) -> None:
    torch.set_num_threads(1)
    translator, begin = Translator(SEED), time.process_time()
    for _ in tqdm(translator.train(*unpaired(PICTURES, SEED), steps), total=steps):
        pass
    day, night = same_scenes(200)
    shown = translator.translate(day)

    def distance(a, b) -> float:
        return (a.float() - b.float()).abs().mean().item() / 255

    card = {
        "steps": steps,
        "width": WIDTH,
        "pictures": PICTURES,
        "seed": SEED,
        "weights_of_losses": {"cycle": CYCLE, "identity": IDENTITY},
        "distance": {
            "day to true night": distance(day, night),
            "translated to true night": distance(shown, night),
            "there and back": distance(translator.translate(shown, back=True), day),
        },
        "seconds": time.process_time() - begin,
        "made_with": machine(),
    }
    save_translator(translator, card)
    print(card["distance"], f"{card['seconds']:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_500)
