"""Read a training's state and its exported model with json and numpy alone, and say what is not as it should be.

    read_model.py mlp STATE MODEL TRAJECTORY
    read_model.py unet STATE MODEL
"""

import json
import sys

import numpy as np

PREFIXES = ("model.", "ema.", "adam.m.", "adam.v.")


def read(path):
    """The format in a few lines: a length, a header in JSON, numbers."""
    data = open(path, "rb").read()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    numbers = data[8 + length :]
    notes = header.pop("__metadata__")
    tensors, places = {}, []
    for name, said in header.items():
        assert said["dtype"] == "F32", f"{path}: {name} is {said['dtype']}"
        first, last = said["data_offsets"]
        tensors[name] = np.frombuffer(numbers[first:last], "<f4").reshape(said["shape"])
        places.append((first, last))
    places.sort()
    assert length % 8 == 0, f"{path}: the numbers begin at byte {8 + length}"
    assert places[0][0] == 0 and places[-1][1] == len(numbers), f"{path}: not all numbers are some tensor's"
    assert all(a[1] == b[0] for a, b in zip(places, places[1:])), f"{path}: gaps or overlaps"
    assert all(type(note) is str for note in notes.values()), f"{path}: metadata that is not text"
    return tensors, notes


def check_state(state, notes, model, model_notes):
    """The state holds four of each tensor; the model is its average, to the bit."""
    assert set(state) == {prefix + name for prefix in PREFIXES for name in model}, sorted(state)
    for name, tensor in model.items():
        for prefix in PREFIXES:
            assert state[prefix + name].shape == tensor.shape, prefix + name
        assert state["ema." + name].tobytes() == tensor.tobytes(), f"{name}: not the average"
    assert any((state["model." + name] != model[name]).any() for name in model), "the average is the weights"
    assert all((state["adam.v." + name] >= 0).all() for name in model), "a negative second moment"
    assert "recipe" in notes and "recipe" not in model_notes
    for key in "network", "process", "prediction", "label", "data_deviation", "data_range", "seed", "step", "data":
        assert notes[key] == model_notes[key], key
    assert model_notes["command"].startswith("scorebook train "), model_notes["command"]


# ---- The perceptron ----


def silu(x):
    return x / (1 + np.exp(-x))


def linear(tensors, name, x):
    return x @ tensors[name + ".weight"].T.astype(float) + tensors[name + ".bias"]


def perceptron(tensors, x, label):
    omega = 10.0 ** (-4 * np.arange(3) / 2)  # positional, unless there are frequencies
    if "time.embedding.weight" in tensors:
        omega = 2 * np.pi * tensors["time.embedding.weight"].astype(float)
    told = np.concatenate([np.sin(omega * label), np.cos(omega * label)])
    told = silu(linear(tensors, "time.linear2", silu(linear(tensors, "time.linear1", told))))
    for hidden in "hidden.0", "hidden.1":
        x = silu(linear(tensors, hidden, x) + linear(tensors, hidden + ".time", told))
    return linear(tensors, "out", x)


def check_perceptron(tensors, notes, trajectory):
    shapes = {
        "time.linear1": (8, 6), "time.linear2": (8, 8), "hidden.0": (8, 3), "hidden.0.time": (8, 8),
        "hidden.1": (8, 8), "hidden.1.time": (8, 8), "out": (3, 8),
    }  # fmt: skip
    expected = {name + ".weight": shape for name, shape in shapes.items()}
    expected.update({name + ".bias": shape[:1] for name, shape in shapes.items()})
    if "fourier" in notes["network"]:
        expected["time.embedding.weight"] = (3,)
    assert {name: tensor.shape for name, tensor in tensors.items()} == expected, "the perceptron's shapes"
    assert notes["step"] == "7" and notes["seed"] == "5" and notes["data"].startswith("points.idx: 4 points")
    assert [float(n) for n in notes["data_range"].split()] == [0, 1]

    # From sigma to no noise at once: x0 = x + sigma^2 / 2 * score, and score = -epsilon / sigma.
    sigma, deviation = 3.0, float(notes["data_deviation"])
    x, x0 = trajectory[:, 0], trajectory[:, 1]
    used = (x - x0) * 2 / sigma

    # The network sees x over its deviation. The last level is t = 1.
    total = np.hypot(sigma, deviation)
    label = 1000.0 if notes["label"] == "time" else float(np.float32(np.log(sigma)))
    output = perceptron(tensors, x / total, label)
    if notes["prediction"] == "epsilon":
        epsilon = output
    else:
        denoised = deviation**2 / total**2 * x + sigma * deviation / total * output
        epsilon = (x - denoised) / sigma
    assert np.abs(output).max() > 1e-3, "the network says nothing"
    error = np.abs(epsilon - used).max()
    assert error < 1e-5, f"epsilon is {error} from what was used"


# ---- The U-Net ----


def check_unet(tensors, notes):
    some = {
        "in.weight": (4, 1, 3, 3), "in.bias": (4,), "time.linear1.weight": (16, 4), "time.linear2.weight": (16, 16),
        "down.0.0.norm1.weight": (4,), "down.0.0.conv1.weight": (4, 4, 3, 3), "down.0.0.time.weight": (4, 16),
        "down.1.0.conv1.weight": (8, 4, 3, 3), "down.1.0.skip.weight": (8, 4, 1, 1),
        "down.1.0.attention.query.weight": (8, 8, 1, 1), "middle.conv2.bias": (8,),
        "up.1.0.conv1.weight": (8, 16, 3, 3), "up.0.0.norm1.bias": (12,), "out.conv.weight": (1, 4, 3, 3),
    }  # fmt: skip
    for name, shape in some.items():
        assert name in tensors, f"no {name} among {sorted(tensors)}"
        assert tensors[name].shape == shape, f"{name}: {tensors[name].shape}"
    assert notes["network"].startswith("unet image=1x28x28 ") and notes["process"] == "vp"


def main(kind, state_path, model_path, *rest):
    state, state_notes = read(state_path)
    model, notes = read(model_path)
    check_state(state, state_notes, model, notes)
    if kind == "mlp":
        check_perceptron(model, notes, np.load(rest[0]))
    else:
        check_unet(model, notes)


main(*sys.argv[1:])
