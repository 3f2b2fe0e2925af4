"""From a training run to a model that others can use: save, load, export, answer, watch for drift.

save_model(run, "leaves.safetensors")
saved = load_model("leaves.safetensors")       # also in another process, on another machine
predict(saved.model, pictures)                 # course_lib.predict: logits
export_model(saved, "leaves.pt2")              # for programs without this course
load_head("head.json")                         # what the web site's page trained
drift(saved, pictures).sentence                # do new pictures still look like the old ones?
"""

from course_lib.serving.drift import Drift, Reference, drift
from course_lib.serving.exporting import Exported, export_model
from course_lib.serving.folder import Answer, predict_folder
from course_lib.serving.page_head import load_head
from course_lib.serving.saving import SavedModel, load_model, save_model

__all__ = [
    "Answer",
    "Drift",
    "Exported",
    "Reference",
    "SavedModel",
    "drift",
    "export_model",
    "load_head",
    "load_model",
    "predict_folder",
    "save_model",
]
