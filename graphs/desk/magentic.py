"""Investigation: open questions about our own numbers, planned, looked at by a person, then measured."""

from graphs.magentic import magentic
from nodes.action import Action
from nodes.desk.findings import chart_of, numbers_are_found, report
from nodes.desk.investigation import DOCUMENTS, LEAD, READING, REPORTER, STATISTICS
from nodes.plan_review import PlanReview
from tools.desk.charts import draw_chart

graph = magentic(
    LEAD,
    [STATISTICS, DOCUMENTS],
    review=PlanReview(chain=("ask_human", "ask_superior")),
    reading=READING,
    check=numbers_are_found,
    finish=[Action(REPORTER, draw_chart, chart_of)],
    compose=report,
).compile(name="magentic")
