// Sums over the rows of a matrix [rows, channels], always added up in the same order. Blocks are two-dimensional: x runs
// over channels, y over rows; gridDim.y groups of rows each leave a float64 partial sum [group, channel].

// Sum over the block's rows for this thread's channel; valid where threadIdx.y is 0.
__device__ inline double rows_sum(double value) {
    __shared__ double parts[256];
    const unsigned at = threadIdx.y * blockDim.x + threadIdx.x;
    __syncthreads();
    parts[at] = value;
    __syncthreads();
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
        if (threadIdx.y < half) parts[at] += parts[at + half * blockDim.x];
        __syncthreads();
    }
    return parts[threadIdx.x];
}

// Sums in one launch: the last block over each run of channels adds up what the others left. WIDTH channels a
// thread; OUT is the type of the sums. `y` picks the rows' elements that count: those where it is positive.
#ifndef WIDTH
#define WIDTH 1
#endif
#ifndef OUT
#define OUT ACC
#endif
template <class Value>
__device__ inline void sum_all(OUT* out, double* partial, unsigned* tickets, INDEX rows, INDEX channels, Value value) {
    const INDEX c = ((INDEX)blockIdx.x * blockDim.x + threadIdx.x) * WIDTH;
    ACC sums[WIDTH] = {};
    if (c < channels)
#pragma unroll 4
        for (INDEX r = (INDEX)blockIdx.y * blockDim.y + threadIdx.y; r < rows; r += (INDEX)gridDim.y * blockDim.y) {
            const Pack<REAL, WIDTH> read = value(r * channels + c);
#pragma unroll
            for (int k = 0; k < WIDTH; k++) sums[k] += (ACC)read.v[k];
        }
#pragma unroll
    for (int k = 0; k < WIDTH; k++) {
        const double whole = rows_sum(sums[k]);
        if (threadIdx.y == 0 && c < channels) {
            if (gridDim.y == 1) out[c + k] = (OUT)(ACC)whole;
            else partial[(INDEX)blockIdx.y * channels + c + k] = whole;
        }
    }
    if (gridDim.y == 1 || !is_last(tickets + blockIdx.x, gridDim.y)) return;
    double totals[WIDTH] = {};
    if (c < channels)
#pragma unroll 8
        for (INDEX group = threadIdx.y; group < (INDEX)gridDim.y; group += blockDim.y) {
            const Pack<double, WIDTH> part = load<WIDTH>(partial + group * channels + c);
#pragma unroll
            for (int k = 0; k < WIDTH; k++) totals[k] += part.v[k];
        }
#pragma unroll
    for (int k = 0; k < WIDTH; k++) {
        const double sum = rows_sum(totals[k]);
        if (threadIdx.y == 0 && c < channels) out[c + k] = (OUT)(ACC)sum;
    }
}

__device__ inline Pack<REAL, WIDTH> where_positive(Pack<REAL, WIDTH> errors, const REAL* y) {
    const Pack<REAL, WIDTH> high = load<WIDTH>(y);
#pragma unroll
    for (int k = 0; k < WIDTH; k++) errors.v[k] = (ACC)high.v[k] > (ACC)0 ? errors.v[k] : (REAL)0;
    return errors;
}

KERNEL channel_sums(OUT* out, double* partial, unsigned* tickets, const REAL* x, count_t rows, count_t channels) {
    sum_all(out, partial, tickets, rows, channels, [&](INDEX at) { return load<WIDTH>(x + at); });
}

KERNEL channel_sums_where_positive(OUT* out, double* partial, unsigned* tickets, const REAL* dy, const REAL* y,
                                   count_t rows, count_t channels) {
    sum_all(out, partial, tickets, rows, channels, [&](INDEX at) { return where_positive(load<WIDTH>(dy + at), y + at); });
}

// The gradient through a ReLU, and its sums. dx may lie over dy.
KERNEL relu_backward_sums(REAL* dx, OUT* out, double* partial, unsigned* tickets, const REAL* dy, const REAL* y,
                          count_t rows, count_t channels) {
    sum_all(out, partial, tickets, rows, channels, [&](INDEX at) {
        const Pack<REAL, WIDTH> errors = where_positive(load<WIDTH>(dy + at), y + at);
        store<WIDTH>(dx + at, errors);
        return errors;
    });
}

// Mean over the places of each image: [n, places, channels] to [n, channels].
KERNEL mean_of_places(REAL* y, const REAL* x, count_t places_, count_t channels_, count_t count) {
    const INDEX places = places_, channels = channels_;
    EACH(i, count) {
        const REAL* image = x + (count_t)(i / channels) * places * channels + i % channels;
        double sum = 0;
        for (INDEX place = 0; place < places; place++) sum += image[place * channels];
        y[i] = (REAL)(sum / (double)places);
    }
}

KERNEL spread_to_places(REAL* dx, const REAL* dy, count_t places_, count_t channels_, count_t count) {
    const INDEX places = places_, channels = channels_;
    EACH(i, count) dx[i] = dy[i / channels / places * channels + i % channels] / (REAL)places;
}

// Σ w² of the first values, block by block.
KERNEL square_blocks(double* partial, const REAL* weights, count_t count) {
    double sum = 0;
    EACH(i, count) { const double w = weights[i]; sum += w * w; }
    sum = block_sum(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

KERNEL record_squares(double* history, const count_t* clock, const double* partial, count_t groups, count_t step_at,
                      count_t column, count_t rows, count_t columns) {
    double sum = 0;
    for (count_t i = threadIdx.x; i < groups; i += blockDim.x) sum += partial[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) history[wrapped(clock[step_at] - 1, rows) * columns + column] = sum;
}
