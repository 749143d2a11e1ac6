"""Rows of other private generators, for privacy.py to score.

    python private_peers.py aim FOLDER BOUNDS --epsilon 1 --seed 0 --out aim.csv

To be run in an environment of its own, with dpmm (``pip install dpmm``), which has AIM
(arXiv 2201.12677), MST (2108.04978) and PrivBayes. FOLDER holds train.csv,
BOUNDS the public bounds of the numbers, which `privacy.py --bounds` writes. Categories are
public to these; ours pays for them. Beside the rows a JSON says what made them.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import pandas as pd
from dpmm.pipelines.aim import AIMPipeline
from dpmm.pipelines.mst import MSTPipeline
from dpmm.pipelines.priv_bayes import PrivBayesPipeline

PEERS = {"aim": AIMPipeline, "mst": MSTPipeline, "privbayes": PrivBayesPipeline}
# Of epsilon, for the bins of numbers.
SHARE_FOR_BINS = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("bounds", type=Path)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--delta", type=float, default=1e-7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--megabytes", type=float, help="most of the model; AIM: 80")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    warnings.simplefilter("ignore")

    train = pd.read_csv(args.folder / "train.csv")
    domain = json.loads(args.bounds.read_text())
    for name in train:
        if name not in domain:
            words = train[name].astype(str)
            train[name] = words.astype("category")
            domain[name] = {"categories": sorted(words.unique())}
    began = time.process_time()
    pipeline = PEERS[args.peer](
        epsilon=(1 - SHARE_FOR_BINS) * args.epsilon,
        delta=args.delta,
        proc_epsilon=SHARE_FOR_BINS * args.epsilon,
        max_model_size=args.megabytes,
        n_jobs=1,
    )
    pipeline.fit(train, domain=domain, random_state=args.seed)
    rows = pipeline.generate(n_records=len(train), random_state=args.seed)
    seconds = time.process_time() - began
    rows[train.columns].to_csv(args.out, index=False)
    made = {
        "who": args.peer,
        "dataset": args.folder.name,
        "epsilon": args.epsilon,
        "delta": args.delta,
        "seed": args.seed,
        "seconds": round(seconds, 1),
    }
    args.out.with_suffix(".json").write_text(json.dumps(made))


if __name__ == "__main__":
    main()
