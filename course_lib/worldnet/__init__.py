"""WorldNet's own pretraining, and the card of its weights. The net is in `backbones.worldnet`."""
