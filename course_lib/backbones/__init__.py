"""Pretrained nets by one contract: WorldNet, which the course ships, and torchvision's."""

from course_lib.backbones.backbone import Backbone
from course_lib.backbones.loading import available_backbones, load_backbone

__all__ = ["Backbone", "available_backbones", "load_backbone"]
