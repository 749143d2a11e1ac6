"""Does a change of the code change what a seed gives?

    python benchmarks/same_rows.py OUT.json      # in one checkout
    python benchmarks/same_rows.py NEW.json --against OUT.json    # in the other

Every scenario runs the command line of the interpreter that runs this script, in an
empty folder, on one thread: the order in which threads add floating-point numbers is
not fixed. What is compared are the bytes of the rows and of the reports. Digests of
two machines differ where their processors round differently; compare on one machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Tables by the name that they have in the folder of a scenario.
TABLES = {
    "flights.csv": ROOT / "datasets/flights/flights.csv",
    "penguins.csv": ROOT / "datasets/penguins/penguins.csv",
    "anes96.csv": ROOT / "datasets/anes96/anes96.csv",
    "adult.csv": ROOT.parent / "shared/data/adult/train.csv",
}

# What runs in each scenario, in this order; every file that it leaves, but the model,
# is digested.
SCENARIOS = {
    "flights": [
        "fit flights.csv -o m.synthtab --epochs 6 --rows 3000 --seed 1",
        "sample -n 3000 -m m.synthtab -o rows.csv --seed 2",
        "sample -n 700 -m m.synthtab --passes 1 -o one-pass.csv",
        "sample -n 500 -m m.synthtab --balance origin -o even.csv",
        "sample -n 500 -m m.synthtab -o late.csv"
        " --where 'carrier in (UA, DL) and dep_delay in 30..300'",
        "evaluate flights.csv rows.csv --json report.json --html report.html",
    ],
    "penguins": [
        "fit penguins.csv -o m.synthtab --epochs 40 --target species",
        "sample -n 1000 -m m.synthtab -o rows.csv",
        "sample -n 200 -m m.synthtab --where 'sex is missing' -o unknown.csv",
        "impute penguins.csv -m m.synthtab -o filled.csv",
    ],
    "constraints": [
        "fit flights.csv -o m.synthtab --epochs 3 --rows 2500 --constraints found"
        " --constraint 'air_time < distance' --constraint 'unique(date, sched_dep_time, origin, dest, carrier, arr_delay)'",
        "sample -n 1500 -m m.synthtab -o rows.csv",
    ],
    "anes96": [
        "fit anes96.csv -o m.synthtab --epochs 15 --rare-below 0",
        "sample -n 900 -m m.synthtab -o rows.csv",
    ],
    "ctgan": [
        "fit penguins.csv -o m.synthtab --epochs 20 --preset ctgan",
        "sample -n 500 -m m.synthtab -o rows.csv",
    ],
    "augment": [
        "augment penguins.csv --target sex --epochs 15 -n 100 -o more.csv --repeats 2"
        " --json study.json",
    ],
    "adult": [
        "fit adult.csv -o m.synthtab --epochs 2 --rows 4000 --target income",
        "sample -n 2000 -m m.synthtab -o rows.csv",
        "sample -n 500 -m m.synthtab -o women.csv"
        " --where 'sex = Female and age in 18..30'",
    ],
}


def digests(scenario: str) -> dict[str, str]:
    """The start of the SHA-256 of each file that a scenario leaves, by name."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # The repository's own folder, for a checkout that is not installed.
    environment["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        for name, table in TABLES.items():
            if table.exists():
                (Path(folder) / name).symlink_to(table)
        for command in SCENARIOS[scenario]:
            subprocess.run(
                f"{sys.executable} -m synthtab_cli.main {command} --quiet",
                shell=True,
                check=True,
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
            )
        return {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16]
            for file in sorted(Path(folder).iterdir())
            if file.suffix != ".synthtab" and file.name not in TABLES
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--only", nargs="*", default=list(SCENARIOS))
    options = parser.parse_args()

    found = {}
    for scenario in options.only:
        if scenario == "adult" and not TABLES["adult.csv"].exists():
            print("adult: skipped, the table is not there")
            continue
        found[scenario] = digests(scenario)
        print(scenario, found[scenario], flush=True)
    options.output.write_text(json.dumps(found, indent=2) + "\n")

    if options.against is None:
        return
    expected = json.loads(options.against.read_text())
    different = [
        f"{scenario}/{name}"
        for scenario, files in found.items()
        for name, digest in files.items()
        if expected[scenario].get(name) != digest
    ]
    print("different: " + ", ".join(different) if different else "all equal")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
