"""One question type for lessons and quizzes: format, scoring, practice with hints and solutions."""
