"""How the settings of data and training are shown: declared like those of layers, so that one form serves all."""

from typing import Any

import msgspec

from engine.api import DataRecipe, Setting, TrainingSettings, dataset_names


def _setting(
    owner: type[msgspec.Struct], name: str, label: str, kind: str, help: str, **options: Any
) -> Setting:
    return Setting(name, label, kind, getattr(owner(), name), help=help, **options)


def _training(name: str, label: str, kind: str, help: str, **options: Any) -> Setting:
    return _setting(TrainingSettings, name, label, kind, help, **options)


def _data(name: str, label: str, kind: str, help: str, **options: Any) -> Setting:
    return _setting(DataRecipe, name, label, kind, help, **options)


DATA = (
    _data("dataset", "Data set", "choice", "The images to learn from.", choices=dataset_names()),
    _data(
        "validation_fraction", "Validation part", "real",
        "Share of the training images that is held back to see whether the network generalises.",
        minimum=0.001, maximum=0.9,
    ),
    _data(
        "scaling", "Pixels", "choice", "Range that the pixels are scaled to before anything else.",
        choices=("symmetric", "unit"),
    ),
    _data(
        "centering", "Subtract", "choice", "What is subtracted from every image; measured on the training part.",
        choices=("none", "mean", "channel_mean", "mean_image"),
    ),
    _data(
        "standardise", "Divide by", "choice", "Deviation that pixels are divided by; measured on the training part.",
        choices=("none", "global", "channel"),
    ),
)  # fmt: skip

FILTERS = (
    _data(
        "colour", "Colours", "choice",
        "What the network sees of the colours: all, the light alone, or light and two differences of colour (BT.601).",
        choices=("as_is", "grey", "ycbcr"),
    ),
    _data(
        "filtering", "Filters", "choice",
        "What is measured of the light and joins the channels: how steep it is (Sobel), or stripes (Gabor filters).",
        choices=("none", "edges", "gabor"),
    ),
    _data("filtered_only", "Filters alone", "flag", "The filters' channels take the place of the colours."),
    _data(
        "gabor_orientations", "Orientations", "integer", "Gabor filters, turned by equal angles: a channel each.",
        minimum=1, maximum=32,
    ),
    _data(
        "gabor_wavelength", "Wavelength", "real", "Pixels from one bright stripe of a Gabor filter to the next.",
        minimum=2.0, maximum=64.0,
    ),
)  # fmt: skip

OWN_IMAGES = (
    _data("image_height", "Height", "integer", "Pixels that every image is scaled to.", minimum=1, maximum=1024),
    _data("image_width", "Width", "integer", "Pixels that every image is scaled to.", minimum=1, maximum=1024),
    _data("image_mode", "Colours", "choice", "What the images become.", choices=("rgb", "grey")),
    _data(
        "image_fit", "Other shapes", "choice", "How an image of another shape is made to fit.",
        choices=("crop", "pad", "stretch"),
    ),
    _data(
        "test_fraction", "Test part", "real",
        "Share of every class that is held back for testing, where the images bring no test part.",
        minimum=0.001, maximum=0.9,
    ),
    _data("skip_broken", "Skip broken", "flag", "Leave out images that cannot be read, instead of refusing."),
)  # fmt: skip

AUGMENTATION = (
    _data(
        "crop_padding", "Random crop", "integer",
        "Pixels by which each training image is moved at most, at random: a crop of the padded image. 0: none.",
        minimum=0, maximum=1024,
    ),
    _data(
        "mirror", "Mirror", "flag",
        "Left and right change places in every second training image. Not for digits and letters.",
    ),
    _data(
        "rotation", "Rotation", "real", "Degrees by which training images are rotated at most, either way.",
        minimum=0.0, maximum=180.0,
    ),
    _data(
        "shift", "Shift", "real", "Pixels, and fractions of them, by which training images are moved at most.",
        minimum=0.0, maximum=1024.0,
    ),
    _data(
        "border", "Past the edge", "choice", "What comes into view where an image was moved away.",
        choices=("black", "reflect"),
    ),
    _data(
        "brightness", "Brightness", "real",
        "Part of the whole range by which training images become lighter or darker at most: 0.1 is mild.",
        minimum=0.0, maximum=1.0,
    ),
    _data(
        "contrast", "Contrast", "real",
        "Part by which distances from mid-grey grow or shrink at most in training images: 0.2 is mild.",
        minimum=0.0, maximum=1.0,
    ),
    _data(
        "cutout", "Cutout", "integer",
        "Side of a square, somewhere on each training image, that is blanked: 8 suits CIFAR-10. 0: none.",
        minimum=0, maximum=1024,
    ),
)  # fmt: skip

LEARNING = (
    _training("epochs", "Epochs", "integer", "Times that every training image is seen.", minimum=1, maximum=1_000_000),
    _training("batch_size", "Batch size", "integer", "Images for each update.", minimum=1, maximum=1_000_000),
    _training(
        "learning_rate", "Learning rate", "real", "Size of an update; 0.001 is a good start for Adam.",
        minimum=0.0, maximum=100.0,
    ),
    _training(
        "schedule", "Schedule", "choice", "How the learning rate changes while training.",
        choices=("constant", "step", "linear", "cosine", "one_cycle", "plateau"),
    ),
    _training(
        "warm_up", "Warm-up", "real", "Epochs at the start over which the learning rate rises along a line; 0: none.",
        minimum=0.0, maximum=1e6,
    ),
    _training(
        "decay_every", "Drop every", "integer", "Epochs between two drops.", minimum=1, maximum=1_000_000
    ),
    _training(
        "plateau_patience", "Drop after", "integer",
        "Epochs without a lower validation loss after which the learning rate drops.",
        minimum=0, maximum=1_000_000,
    ),
    _training(
        "decay_factor", "Drop to", "real", "What a drop multiplies the learning rate by.", minimum=1e-6, maximum=1.0
    ),
    _training(
        "final_rate", "Left at the end", "real", "Share of the learning rate that the last step takes.",
        minimum=0.0, maximum=1.0,
    ),
    _training(
        "optimizer", "Optimiser", "choice", "The rule by which gradients change the weights.",
        choices=("adam_decoupled", "adam", "sgd"),
    ),
    _training(
        "weight_decay", "Weight decay", "real", "Pull of all weights towards zero (λ).", minimum=0.0, maximum=100.0
    ),
    _training(
        "seed", "Seed", "integer", "The same seed gives the same run.", minimum=0, maximum=2**62
    ),
)  # fmt: skip

KEEPING = (
    _training(
        "best_by", "Best epoch by", "choice", "What makes an epoch the best, on the whole validation set.",
        choices=("accuracy", "loss"),
    ),
    _training(
        "patience", "Patience", "integer", "Epochs without a better one after which training ends early; 0: never.",
        minimum=0, maximum=1_000_000,
    ),
    _training(
        "restore_best", "Best weights", "flag",
        "Test, and show as the result, the weights of the best epoch, not those of the last step. Both are kept.",
    ),
    _training(
        "checkpoint_every", "Keep every", "integer",
        "Epochs between two checkpoints that are kept beside the best and the last; runs can be forked there.",
        minimum=1, maximum=1_000_000,
    ),
    _training(
        "checkpoint_megabytes", "Room (MB)", "integer",
        "For these checkpoints, in the run and in the file; when it is reached, every second one goes. 0: none.",
        minimum=0, maximum=100_000,
    ),
)  # fmt: skip

MORE = (
    _training("beta1", "β₁", "real", "Memory of Adam's mean gradient.", minimum=0.0, maximum=0.999999),
    _training("beta2", "β₂", "real", "Memory of Adam's mean squared gradient.", minimum=0.0, maximum=0.9999999),
    _training("epsilon", "ε", "real", "Keeps Adam from dividing by zero.", minimum=1e-15, maximum=1.0),
    _training("momentum", "Momentum", "real", "Memory of SGD's direction; 0 is none.", minimum=0.0, maximum=0.999999),
    _training("nesterov", "Nesterov", "flag", "Let momentum look ahead (SGD)."),
    _training(
        "averaging", "Weight average", "real",
        "Memory of an average of the weights over the steps, which validation, tests and pictures go by: 0.99 to 0.999 "
        "suits most runs. 0: the weights themselves.",
        minimum=0.0, maximum=0.999999,
    ),
    _training(
        "test_averaging", "Test by", "choice",
        "What classifies the whole validation and test sets: each image, or the mean of the answers to it and to its "
        "mirror image. Not for digits and letters.",
        choices=("single", "mirror"),
    ),
    _training(
        "validate_every", "Validate every", "integer",
        "Steps from one validation batch to the next. Fewer of them make training faster, by up to a quarter.",
        minimum=1, maximum=1_000_000,
    ),
    _training(
        "evaluate_every", "Test every", "integer", "Epochs between looks at the test set.", minimum=1, maximum=1_000_000
    ),
    _training(
        "snapshots_per_epoch", "Snapshots", "integer", "Times an epoch that filters, answers and activity are taken.",
        minimum=0, maximum=1000,
    ),
    _training(
        "snapshot_megabytes", "Keep (MB)", "integer",
        "Room for the snapshots of all runs of the project; when it is reached, they are thinned evenly.",
        minimum=1, maximum=100_000,
    ),
    _training(
        "precision", "Precision", "choice",
        "Of the arithmetic: tf32 is float32 with a GPU's fast products, bfloat16 the fastest (mixed precision).",
        choices=("tf32", "bfloat16", "float32", "float64"),
    ),
    _training(
        "convolutions", "Convolutions", "choice",
        "On a GPU: whatever is fastest, which for a first layer may be an own kernel, or cuDNN throughout.",
        choices=("auto", "cudnn"),
    ),
    _training("deterministic", "Deterministic", "flag", "On a GPU: the same run bit for bit, a little slower."),
    _training(
        "threads", "CPU threads", "integer", "0: as many as there are cores.", minimum=0, maximum=1024
    ),
)  # fmt: skip

DEVICE = _training("device", "Device", "choice", "What computes.", choices=("auto", "cpu"))

WORDS = {
    "mnist-sample": "MNIST sample",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "fashion-mnist": "Fashion-MNIST",
    "rgb": "RGB",
    "crop": "the middle",
    "pad": "black borders",
    "stretch": "distort",
    "symmetric": "scaled to −1 … 1",
    "unit": "scaled to 0 … 1",
    "none": "nothing",
    "mean": "the mean",
    "channel_mean": "channel means",
    "mean_image": "the mean image",
    "global": "one deviation",
    "as_is": "as they are",
    "grey": "light alone",
    "ycbcr": "YCbCr",
    "edges": "edges (Sobel)",
    "gabor": "Gabor filters",
    "channel": "by channel",
    "black": "black",
    "reflect": "the image reflected",
    "single": "the image alone",
    "mirror": "image and mirror",
    "adam_decoupled": "Adam, decoupled",
    "adam": "Adam",
    "sgd": "SGD",
    "constant": "Constant",
    "step": "In steps",
    "linear": "Along a line",
    "cosine": "Cosine",
    "one_cycle": "One cycle",
    "plateau": "On a plateau",
    "accuracy": "Accuracy",
    "loss": "Loss",
    "auto": "Automatic",
    "cpu": "CPU",
    "cudnn": "cuDNN",
}
"""What the choices are called in the window."""

ADAM_ONLY = ("beta1", "beta2", "epsilon")
SGD_ONLY = ("momentum", "nesterov")

USED_BY_SCHEDULE = {
    "warm_up": ("constant", "step", "linear", "cosine", "plateau"),
    "decay_every": ("step",),
    "plateau_patience": ("plateau",),
    "decay_factor": ("step", "plateau"),
    "final_rate": ("linear", "cosine", "one_cycle"),
}
"""Settings that only some schedules make use of; the others do not show them."""


def is_used(name: str, settings: TrainingSettings) -> bool:
    """Whether a setting of a training means anything beside its schedule and its optimiser."""
    if name in USED_BY_SCHEDULE:
        return settings.schedule in USED_BY_SCHEDULE[name]
    if name in (*ADAM_ONLY, *SGD_ONLY):
        return (name in SGD_ONLY) == (settings.optimizer == "sgd")
    return True
