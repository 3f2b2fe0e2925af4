"""Lesson 07: transfer learning everywhere (C31 to C34), one module for each of its parts."""

from course_lib.claims import lesson07_adapters, lesson07_captions, lesson07_text

CLAIMS = (*lesson07_captions.CLAIMS, *lesson07_adapters.CLAIMS, *lesson07_text.CLAIMS)
