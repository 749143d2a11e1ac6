"""Judge rows of other generators beside ours.

`compare` and `evaluate` take any table with the columns of the real one, whoever made it.
Here the others are two simple ones: real rows drawn again, which copies people, and columns
shuffled one by one, which loses every relation. Writes comparison.html.
"""

import sys

import numpy as np

import synthtab
from synthtab import Synthesizer, compare

TIME = sys.argv[1] if len(sys.argv) > 1 else "60s"

table = synthtab.datasets.load("penguins")  # or pandas.read_csv("your.csv")
# Every generator learns these rows; the others are kept for the tests.
train = table.iloc[::2].reset_index(drop=True)
test = table.iloc[1::2].reset_index(drop=True)

random = np.random.default_rng(0)
drawn_again = train.sample(len(train), replace=True, random_state=0)
shuffled = train.apply(lambda column: random.permutation(column))

ours = Synthesizer(target="species", time=TIME, seed=0).fit(train).sample(len(train))

comparison = compare(
    train,
    {
        "synthtab": ours,
        "drawn again": drawn_again.reset_index(drop=True),
        "shuffled": shuffled.astype(train.dtypes),
        # yours: pandas.read_csv("rows-of-another-generator.csv")
    },
    holdout=test,
    target="species",
)
print(comparison)
with open("comparison.html", "w", encoding="utf-8") as file:
    file.write(comparison.to_html())
