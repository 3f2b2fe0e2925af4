"""Domain adaptation: labels in the source, pictures in both domains.

    from course_lib.adaptation import adapt, lenet, load_domains, methods
    run = adapt(lenet(), load_domains("digits", 2_000), methods.CORAL, steps=300)
    run.test

The verbs: `load_domains` gives pictures of two domains, `adapt` trains by a method, `adabn` and
`tent` adapt a trained net, `Translator` translates pictures, `continue_pretraining` lets a backbone
learn on unlabelled pictures first. Methods are plain data, see `methods`.
"""

from course_lib.adaptation import methods
from course_lib.adaptation.alignment import coral, entropy, mmd, ramp, reverse_gradient
from course_lib.adaptation.domains import Domains, available_domains, load_domains
from course_lib.adaptation.lenet import lenet
from course_lib.adaptation.methods import Method
from course_lib.adaptation.rotation import continue_pretraining
from course_lib.adaptation.running import Adaptation, adapt, prepare_adaptation
from course_lib.adaptation.selection import RULES, density, domain_accuracy, features
from course_lib.adaptation.statistics import adabn, tent
from course_lib.adaptation.translation import Translator, load_translator

__all__ = [
    "RULES",
    "Adaptation",
    "Domains",
    "Method",
    "Translator",
    "adabn",
    "adapt",
    "available_domains",
    "continue_pretraining",
    "coral",
    "density",
    "domain_accuracy",
    "entropy",
    "features",
    "lenet",
    "load_domains",
    "load_translator",
    "methods",
    "mmd",
    "prepare_adaptation",
    "ramp",
    "reverse_gradient",
    "tent",
]
