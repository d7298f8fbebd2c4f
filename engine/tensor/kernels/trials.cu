// What plans are tried with, and how far off they are.

KERNEL repeat(REAL* y, const float* values, count_t period, count_t count) {
    EACH(i, count) y[i] = (REAL)(ACC)values[(count_t)i % period];
}

// |a - b|^2 and |b|^2. `partial` holds 2 * gridDim.x values.
KERNEL squared_norms(double* norms, double* partial, unsigned* ticket, const REAL* a, const REAL* b, count_t count) {
    double difference = 0, norm = 0;
    EACH(i, count) {
        const double expected = (double)(ACC)b[i], d = (double)(ACC)a[i] - expected;
        difference += d * d;
        norm += expected * expected;
    }
    difference = block_sum(difference);
    norm = block_sum(norm);
    if (threadIdx.x == 0) {
        partial[2 * blockIdx.x] = difference;
        partial[2 * blockIdx.x + 1] = norm;
    }
    if (!is_last(ticket, gridDim.x)) return;
    difference = norm = 0;
    for (unsigned block = threadIdx.x; block < gridDim.x; block += blockDim.x) {
        difference += ((volatile double*)partial)[2 * block];
        norm += ((volatile double*)partial)[2 * block + 1];
    }
    difference = block_sum(difference);
    norm = block_sum(norm);
    if (threadIdx.x == 0) { norms[0] = difference; norms[1] = norm; }
}
