"""Lesson 06: what goes wrong between a notebook and its users, and a case worked through.

mistakes   preprocessing (C27), modes, weights and classes (C27b)
grey       one channel into a net made for three (C28)
x_rays     few labels (C29), a leaky split (C29b), a confounder (C29c)
choosing   backbones compared (C30)
"""

from course_lib.experiments.production import choosing, grey, mistakes, x_rays

CLAIMS = (*mistakes.CLAIMS, *grey.CLAIMS, *x_rays.CLAIMS, *choosing.CLAIMS)
