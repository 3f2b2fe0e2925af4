"""Practice questions: public, with explanations; the lessons' self-checks show them."""
