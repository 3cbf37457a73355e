"""Letter drafting: a writer, and compliance and tone who check each draft until both are satisfied."""

from graphs.group_chat import maker_checker
from nodes.desk.drafting import CHECKERS, WRITER, in_the_letter

graph = maker_checker(WRITER, CHECKERS, max_rounds=3, say=in_the_letter).compile(name="group_chat")
