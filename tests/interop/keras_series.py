"""Models of Keras under seeds, for test_stream_layers.py: python keras_series.py DIRECTORY SEEDS [NAME…]

For each seed, each list of tests/specs/make_series.py and each model of the other scripts here, or those of these names:
NAME.SEED.weights.h5. The latter are read from their configs, NAME.json.
"""

import os
import runpy
import sys
from pathlib import Path

import keras

sys.path.insert(0, os.path.dirname(__file__))
import keras_networks
import keras_zoo

MAKE = runpy.run_path(str(Path(__file__).parents[1] / "specs" / "make_series.py"))
MODELS = {"zoo": keras_zoo.MODELS, "network": (*keras_networks.SMALL, *keras_networks.SEEDS)}


def main(directory, seeds, names):
    made = {f"{prefix}_{make.__name__}": make for prefix, models in MODELS.items() for make in models}
    names = names or [*MAKE["KERAS"], *made]
    for name in made.keys() & set(names):
        (directory / f"{name}.json").write_text(made[name]().to_json(), encoding="utf-8")
    for seed in seeds:
        for name in names:
            keras.backend.clear_session()
            keras.utils.set_random_seed(seed)
            if name in made:
                model = keras.models.model_from_json((directory / f"{name}.json").read_text(encoding="utf-8"))
            else:
                model = MAKE["keras_model"](MAKE["KERAS"][name])
            model.save_weights(directory / f"{name}.{seed}.weights.h5")


main(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2].split(",")], sys.argv[3:])
