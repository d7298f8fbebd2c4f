"""The operations round the layers of a step: batches, records and updates, and the vectors that a device counts in."""

from engine.tensor.augmentation import Augmentation
from engine.tensor.ops import Array, Ops, Output


class Clock:
    """Places in the int64 vector that a device counts with, so that a step needs no host."""

    SEED, STEP, POSITION, VALIDATION_START = range(4)
    SIZE = 4


class Rates:
    """Places in the float64 vector of numbers that may change while training."""

    LEARNING_RATE, WEIGHT_DECAY, BETA1, BETA2, EPSILON, MOMENTUM = range(6)
    SIZE = 6


class History:
    """Columns of the float64 matrix [steps, columns] in which a device keeps what happened at each step."""

    TRAIN_LOSS, TRAIN_CORRECT, VALIDATION_LOSS, VALIDATION_CORRECT, SQUARED_WEIGHTS = range(5)
    COLUMNS = 5


class StepOps(Ops):
    """Layers' operations and those of a whole step; what returns nothing changes its first inputs in place."""

    def advance(self, clock: Array, starts: Array, rates: Array, schedule: Array) -> None:
        """One step on: STEP and POSITION grow by one, VALIDATION_START is starts[POSITION].

        LEARNING_RATE of the rates is schedule[POSITION], float64 and of the same length as starts.
        """
        self.apply("advance", (clock, starts, rates, schedule), ())

    def gather(
        self,
        images: Array,
        labels: Array,
        order: Array,
        clock: Array,
        scale: Array,
        offset: Array,
        batch: int,
        augmentation: Augmentation | None = None,
    ) -> tuple[Array, Array]:
        """The prepared batch at POSITION of the order: images·scale + offset as [N, H, W, C], labels [N].

        With an augmentation each image is first changed at random, a function of seed, step and place in the batch.
        """
        outputs = (Output((batch, *images.shape[1:]), str(scale.dtype)), Output((batch,), "int32"))
        inputs = (images, labels, order, clock, scale, offset)
        x, y = self.apply("gather", inputs, outputs, augmentation=augmentation)
        return x, y

    def gather_run(
        self,
        images: Array,
        labels: Array,
        clock: Array,
        scale: Array,
        offset: Array,
        batch: int,
        *,
        mirrored: bool = False,
    ) -> tuple[Array, Array]:
        """The prepared batch of consecutive images from VALIDATION_START, wrapping round at the end.

        `mirrored`: with left and right of the images, not of scale and offset, changed.
        """
        outputs = (Output((batch, *images.shape[1:]), str(scale.dtype)), Output((batch,), "int32"))
        x, y = self.apply("gather_run", (images, labels, clock, scale, offset), outputs, mirrored=mirrored)
        return x, y

    def average_answers(self, first: Array, second: Array, labels: Array) -> tuple[Array, Array, Array]:
        """(losses [N], probabilities [N,1,1,D], predictions int32 [N]) of the mean of two probabilities."""
        n, shape, dtype = first.shape[0], tuple(first.shape), str(first.dtype)
        outputs = (Output((n,), dtype), Output(shape, dtype), Output((n,), "int32"))
        losses, probabilities, predictions = self.apply("average_answers", (first, second, labels), outputs)
        return losses, probabilities, predictions

    def record_outcome(
        self,
        history: Array,
        healthy: Array,
        clock: Array,
        losses: Array,
        predictions: Array,
        labels: Array,
        column: int,
    ) -> None:
        """Mean loss and number of right answers into `column` and the next of this step's row.

        A loss that is not finite clears healthy [1], after which updates leave the parameters alone.
        """
        self.apply(
            "record_outcome", (history, healthy, clock, losses, predictions, labels), (), column=column
        )

    def record_squared_weights(self, history: Array, clock: Array, parameters: Array, decaying: int) -> None:
        """Σ w² over the first `decaying` values of the flat parameters into this step's row (eq. 2.40)."""
        self.apply("record_squared_weights", (history, clock, parameters), (), decaying=decaying)

    def sgd_update(
        self,
        parameters: Array,
        gradients: Array,
        velocity: Array | None,
        rates: Array,
        healthy: Array,
        *,
        decaying: int,
        nesterov: bool,
    ) -> None:
        """θ ← θ − η(g + λw) (eq. 2.11) with momentum: v ← μv + g, θ ← θ − ηv (Nesterov: θ ← θ − η(g + μv)).

        Squares of parameters or gradients that overflow clear healthy; unless it is 1, nothing is changed.
        """
        self.apply(
            "sgd_update",
            (parameters, gradients, velocity, rates, healthy),
            (),
            decaying=decaying,
            nesterov=nesterov,
        )

    def average_in(self, average: Array, values: Array, clock: Array, memory: float) -> None:
        """average ← d·average + (1 − d)·values with d = min(memory, (1 + t)/(10 + t)) at step t."""
        self.apply("average_in", (average, values, clock), (), memory=memory)

    def adam_update(
        self,
        parameters: Array,
        gradients: Array,
        m: Array,
        v: Array,
        rates: Array,
        clock: Array,
        healthy: Array,
        *,
        decaying: int,
        decoupled: bool,
    ) -> None:
        """Adam (eq. 2.12-2.16), its decay part of the gradient or decoupled (eq. 2.41).

        Squares of parameters or gradients that overflow clear healthy; unless it is 1, nothing is changed.
        """
        self.apply(
            "adam_update",
            (parameters, gradients, m, v, rates, clock, healthy),
            (),
            decaying=decaying,
            decoupled=decoupled,
        )
