"""Make a table that can be shared instead of the real one.

Writes rows.csv and report.html into the current folder. Look at the report before you share
the rows: a good score is no proof that nobody can be recognised (docs/privacy.md).
"""

import sys

import synthtab
from synthtab import Synthesizer, evaluate

TIME = sys.argv[1] if len(sys.argv) > 1 else "60s"

table = synthtab.datasets.load("penguins")  # or pandas.read_csv("your.csv")

model = Synthesizer(time=TIME, seed=0)
model.fit(table)
# As many rows as were learnt.
rows = model.sample(len(table))

# The rows that `fit` did not learn are what copying is measured by: a synthetic row may
# resemble a real one that it has seen no more than one that it has not.
learnt, held_out = model.split(table)
report = evaluate(learnt, rows, holdout=held_out)
# Safe or not, usable for what, and what is wrong: on one screen.
print(report.first_screen("report.html"))

rows.to_csv("rows.csv", index=False)
with open("report.html", "w", encoding="utf-8") as file:
    file.write(report.to_html())
print("rows.csv has the rows, report.html what is known about them")
