"""Lesson 04."""

from course_lib.lab.claim import Claim

CLAIMS: tuple[Claim, ...] = ()
