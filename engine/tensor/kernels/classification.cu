// Softmax with its loss, one warp an example; 32×k threads a block.

__device__ inline REAL warp_sum(REAL value) {
    for (int other = 16; other > 0; other /= 2) value += __shfl_xor_sync(0xffffffffu, value, other);
    return value;
}

KERNEL cross_entropy_rows(REAL* losses, REAL* probabilities, int* predictions, const REAL* scores, const int* labels,
                          count_t classes_, count_t examples) {
    const int classes = (int)classes_, lane = threadIdx.x % 32;
    const count_t row = ((count_t)blockIdx.x * blockDim.x + threadIdx.x) / 32;
    if (row >= examples) return;
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
    REAL total = (REAL)0;
    for (int k = lane; k < classes; k += 32) total += exp(z[k] - highest);
    total = warp_sum(total);
    for (int k = lane; k < classes; k += 32) probabilities[row * classes + k] = exp(z[k] - highest) / total;
    if (lane == 0) {
        losses[row] = log(total) + (highest - z[labels[row]]);
        predictions[row] = best;
    }
}

KERNEL cross_entropy_errors(REAL* dz, const REAL* probabilities, const int* labels, count_t classes_,
                            count_t examples, count_t count) {
    const INDEX classes = classes_;
    const REAL number = (REAL)examples;
    EACH(i, count) {
        const INDEX true_class = labels[i / classes];
        dz[i] = (probabilities[i] - (REAL)(i % classes == true_class)) / number;
    }
}

// One block: mean loss and right answers into this step's row; a loss that is not finite clears healthy.
KERNEL record_mean(double* history, int* healthy, const count_t* clock, const REAL* losses, const int* predictions,
                   const int* labels, count_t step_at, count_t column, count_t rows, count_t columns, count_t count) {
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
