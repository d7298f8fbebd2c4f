// Softmax with its loss, one warp an example; 32×k threads a block.

__device__ inline ACC warp_sum(ACC value) {
    for (int other = 16; other > 0; other /= 2) value += __shfl_xor_sync(0xffffffffu, value, other);
    return value;
}

// One example by a warp, with a part `smoothing` of the truth shared by all classes. `dz` may be null; else it gets
// (p - q) / examples.
__device__ inline void classify(REAL* losses, REAL* probabilities, int* predictions, REAL* dz, const REAL* scores,
                                const int* labels, REAL smoothing, int classes, count_t examples, count_t row) {
    const int lane = threadIdx.x % 32;
    const REAL* z = scores + row * classes;
    REAL highest = -INFINITE;
    int best = 0x7fffffff;
    for (int k = lane; k < classes; k += 32)
        if (z[k] > highest || best == 0x7fffffff) { highest = z[k]; best = k; }
    for (int other = 16; other > 0; other /= 2) {
        const REAL rival = __shfl_xor_sync(0xffffffffu, highest, other);
        const int rival_at = __shfl_xor_sync(0xffffffffu, best, other);
        // The first of equals wins; lanes that saw no class hold the largest index.
        const bool wins = rival_at != 0x7fffffff &&
                          (best == 0x7fffffff || rival > highest || (rival == highest && rival_at < best));
        if (wins) { highest = rival; best = rival_at; }
    }
    REAL total = (REAL)0, sum = (REAL)0;
    for (int k = lane; k < classes; k += 32) {
        total += exp(z[k] - highest);
        sum += z[k];
    }
    total = warp_sum(total);
    if (smoothing != (REAL)0) sum = warp_sum(sum);
    const int label = labels[row];
    const REAL shared = smoothing / (REAL)classes, own = (REAL)1 - smoothing;
    for (int k = lane; k < classes; k += 32) {
        const REAL p = exp(z[k] - highest) / total;
        probabilities[row * classes + k] = p;
        if (dz) dz[row * classes + k] = (p - shared - (k == label ? own : (REAL)0)) / (REAL)examples;
    }
    if (lane == 0) {
        const REAL truth = smoothing == (REAL)0 ? z[label] : z[label] * own + sum / (REAL)classes * smoothing;
        losses[row] = log(total) + (highest - truth);
        predictions[row] = best;
    }
}

// One block: mean loss and right answers into this step's row; a loss that is not finite clears healthy.
__device__ inline void record(double* history, int* healthy, const count_t* clock, const volatile REAL* losses,
                              const volatile int* predictions, const int* labels, count_t step_at, count_t column,
                              count_t rows, count_t columns, count_t count) {
    double loss = 0, right = 0;
    for (count_t i = threadIdx.x; i < count; i += blockDim.x) {
        loss += (double)losses[i];
        right += predictions[i] == labels[i];
    }
    loss = block_sum(loss) / (double)count;
    right = block_sum(right);
    if (threadIdx.x == 0) {
        double* row = history + wrapped(clock[step_at] - 1, rows) * columns + column;
        row[0] = loss;
        row[1] = right;
        if (!isfinite(loss)) healthy[0] = 0;
    }
}

KERNEL cross_entropy_rows(REAL* losses, REAL* probabilities, int* predictions, const REAL* scores, const int* labels,
                          double smoothing, count_t classes, count_t examples) {
    const count_t row = ((count_t)blockIdx.x * blockDim.x + threadIdx.x) / 32;
    if (row < examples)
        classify(losses, probabilities, predictions, (REAL*)0, scores, labels, (REAL)smoothing, (int)classes, examples,
                 row);
}

KERNEL cross_entropy_step(REAL* losses, REAL* probabilities, int* predictions, REAL* dz, unsigned* ticket,
                          const REAL* scores, const int* labels, double* history, int* healthy, const count_t* clock,
                          count_t step_at, count_t column, count_t rows, count_t columns, double smoothing,
                          count_t classes, count_t examples) {
    const count_t row = ((count_t)blockIdx.x * blockDim.x + threadIdx.x) / 32;
    if (row < examples)
        classify(losses, probabilities, predictions, dz, scores, labels, (REAL)smoothing, (int)classes, examples, row);
    if (is_last(ticket, gridDim.x))
        record(history, healthy, clock, losses, predictions, labels, step_at, column, rows, columns, examples);
}

KERNEL cross_entropy_errors(REAL* dz, const REAL* probabilities, const int* labels, double smoothing, count_t classes_,
                            count_t examples, count_t count) {
    const INDEX classes = classes_;
    const REAL number = (REAL)examples, shared = (REAL)smoothing / (REAL)classes, own = (REAL)1 - (REAL)smoothing;
    EACH(i, count) {
        const INDEX true_class = labels[i / classes];
        dz[i] = (probabilities[i] - shared - (i % classes == true_class ? own : (REAL)0)) / number;
    }
}

// The mean of two answers, a thread an example.
KERNEL average_answers(REAL* losses, REAL* probabilities, int* predictions, const REAL* first, const REAL* second,
                       const int* labels, count_t classes, count_t examples) {
    const REAL least = sizeof(REAL) == 8 ? (REAL)2.2250738585072014e-308 : (REAL)1.17549435e-38;
    EACH(row, examples) {
        const count_t start = (count_t)row * classes;
        REAL highest = (REAL)-1;
        int best = 0;
        for (int k = 0; k < (int)classes; k++) {
            const REAL p = (first[start + k] + second[start + k]) * (REAL)0.5;
            probabilities[start + k] = p;
            if (p > highest) { highest = p; best = k; }
        }
        const REAL truth = probabilities[start + labels[row]];
        losses[row] = -log(truth > least ? truth : least);
        predictions[row] = best;
    }
}

KERNEL record_mean(double* history, int* healthy, const count_t* clock, const REAL* losses, const int* predictions,
                   const int* labels, count_t step_at, count_t column, count_t rows, count_t columns, count_t count) {
    record(history, healthy, clock, losses, predictions, labels, step_at, column, rows, columns, count);
}
