"""The cookbook: questions that people ask, each with the SQL that answers it, one file each."""

from storage.questions.cookbook import Question, ask, cookbook_page, live, questions

__all__ = ["Question", "ask", "cookbook_page", "live", "questions"]
