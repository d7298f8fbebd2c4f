// Batch normalisation of the channels of a matrix [rows, channels], with the ReLU behind it where RELU is 1. A thread
// takes WIDTH channels of a row at a time; in the sums x runs over channels and y over rows, and the last block over each
// run of channels adds up, always in the same order, what the others left.
#ifndef WIDTH
#define WIDTH 1
#endif
#ifndef RELU
#define RELU 0
#endif
#define THREADS 256

typedef Pack<ACC, WIDTH> Wide;

__device__ inline Wide zeros() {
    Wide sums;
#pragma unroll
    for (int k = 0; k < WIDTH; k++) sums.v[k] = (ACC)0;
    return sums;
}

// Over the block's rows, for this thread's channels; valid where threadIdx.y is 0.
__device__ inline void block_rows_sum(double* first, double* second) {
    __shared__ double parts[2][WIDTH][THREADS];
    const unsigned at = threadIdx.y * blockDim.x + threadIdx.x;
#pragma unroll
    for (int k = 0; k < WIDTH; k++) {
        parts[0][k][at] = first[k];
        parts[1][k][at] = second[k];
    }
    __syncthreads();
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
        if (threadIdx.y < half)
#pragma unroll
            for (int k = 0; k < WIDTH; k++) {
                parts[0][k][at] += parts[0][k][at + half * blockDim.x];
                parts[1][k][at] += parts[1][k][at + half * blockDim.x];
            }
        __syncthreads();
    }
#pragma unroll
    for (int k = 0; k < WIDTH; k++) {
        first[k] = parts[0][k][threadIdx.x];
        second[k] = parts[1][k][threadIdx.x];
    }
    __syncthreads();
}

// Two sums a channel over all rows: `add(at, a, b)` adds the row's values at element `at`; `finish(c, first, second)`
// gets the sums of channel c. `partial` holds 2 * gridDim.y * channels values, tickets one for each of gridDim.x.
template <class Add, class Finish>
__device__ inline void two_sums(double* partial, unsigned* tickets, INDEX rows, INDEX channels, Add add, Finish finish) {
    const INDEX c = ((INDEX)blockIdx.x * blockDim.x + threadIdx.x) * WIDTH;
    Wide a = zeros(), b = zeros();
    if (c < channels)
#pragma unroll 4
        for (INDEX r = (INDEX)blockIdx.y * blockDim.y + threadIdx.y; r < rows; r += (INDEX)gridDim.y * blockDim.y)
            add(r * channels + c, a, b);
    double first[WIDTH], second[WIDTH];
#pragma unroll
    for (int k = 0; k < WIDTH; k++) { first[k] = (double)a.v[k]; second[k] = (double)b.v[k]; }
    block_rows_sum(first, second);
    if (gridDim.y > 1) {
        double* here = partial + (INDEX)blockIdx.y * 2 * channels + c;
        if (threadIdx.y == 0 && c < channels) {
            Pack<double, WIDTH> one, other;
#pragma unroll
            for (int k = 0; k < WIDTH; k++) { one.v[k] = first[k]; other.v[k] = second[k]; }
            store<WIDTH>(here, one);
            store<WIDTH>(here + channels, other);
        }
        if (!is_last(tickets + blockIdx.x, gridDim.y)) return;
#pragma unroll
        for (int k = 0; k < WIDTH; k++) first[k] = second[k] = 0;
        if (c < channels)
#pragma unroll 4
            for (INDEX group = threadIdx.y; group < (INDEX)gridDim.y; group += blockDim.y) {
                const double* there = partial + group * 2 * channels + c;
                const Pack<double, WIDTH> one = load<WIDTH>(there), other = load<WIDTH>(there + channels);
#pragma unroll
                for (int k = 0; k < WIDTH; k++) { first[k] += one.v[k]; second[k] += other.v[k]; }
            }
        block_rows_sum(first, second);
    }
    if (threadIdx.y == 0 && c < channels)
#pragma unroll
        for (int k = 0; k < WIDTH; k++) finish(c + k, first[k], second[k]);
}

// Mean, variance and 1/sqrt(variance + epsilon) of each channel, by one pass over what differs from the first row: the
// squares of that are about as large as the variance, so that nothing cancels.
KERNEL batch_statistics(ACC* mean, ACC* variance, ACC* inverse, double* partial, unsigned* tickets, const REAL* x,
                        double epsilon, count_t rows, count_t channels) {
    const INDEX own = ((INDEX)blockIdx.x * blockDim.x + threadIdx.x) * WIDTH;
    Wide pivot = zeros();
    if (own < (INDEX)channels) {
        const Pack<REAL, WIDTH> top = load<WIDTH>(x + own);
#pragma unroll
        for (int k = 0; k < WIDTH; k++) pivot.v[k] = (ACC)top.v[k];
    }
    two_sums(partial, tickets, (INDEX)rows, (INDEX)channels,
        [&](INDEX at, Wide& a, Wide& b) {
            const Pack<REAL, WIDTH> read = load<WIDTH>(x + at);
#pragma unroll
            for (int k = 0; k < WIDTH; k++) {
                const ACC d = (ACC)read.v[k] - pivot.v[k];
                a.v[k] += d;
                b.v[k] += d * d;
            }
        },
        [&](INDEX c, double sum, double squares) {
            const double shift = sum / (double)rows, spread = squares / (double)rows - shift * shift;
            const ACC found = (ACC)(spread < 0 ? 0 : spread);
            mean[c] = (ACC)((double)(ACC)x[c] + shift);
            variance[c] = found;
            inverse[c] = (ACC)1 / sqrt(found + (ACC)epsilon);
        });
}

// y = (x - mean) * (inverse * scale) + shift; `inverse` may be null, and then comes from variance and epsilon.
KERNEL normalise(REAL* y, const REAL* x, const ACC* mean, const ACC* inverse, const ACC* variance, const ACC* scale,
                 const ACC* shift, double epsilon, count_t channels_, count_t packs) {
    const INDEX channels = (INDEX)channels_ / WIDTH;
    EACH(i, packs) {
        const INDEX c = i % channels * WIDTH;
        const Pack<REAL, WIDTH> read = load<WIDTH>(x + i * WIDTH);
        const Wide middle = load<WIDTH>(mean + c), factor = load<WIDTH>(scale + c), offset = load<WIDTH>(shift + c);
        const Wide spread = load<WIDTH>((inverse ? inverse : variance) + c);
        Pack<REAL, WIDTH> out;
#pragma unroll
        for (int k = 0; k < WIDTH; k++) {
            const ACC by = inverse ? spread.v[k] * factor.v[k] : factor.v[k] / sqrt(spread.v[k] + (ACC)epsilon);
            const ACC value = ((ACC)read.v[k] - middle.v[k]) * by + offset.v[k];
            out.v[k] = (REAL)(RELU ? rectified(value) : value);
        }
        store<WIDTH>(y + i * WIDTH, out);
    }
}

// The error behind the ReLU is that before it where the normalised value is positive.
__device__ inline ACC through(ACC error, ACC normal, ACC scale, ACC shift) {
#if RELU
    return normal * scale + shift > (ACC)0 ? error : (ACC)0;
#else
    return error;
#endif
}

// Sums of dy and of dy times the normalised x; `shift` is read behind a ReLU only.
KERNEL gradient_sums(ACC* dscale, ACC* dshift, double* partial, unsigned* tickets, const REAL* dy, const REAL* x,
                     const ACC* scale, const ACC* shift, const ACC* mean, const ACC* inverse, count_t rows,
                     count_t channels) {
    const INDEX own = ((INDEX)blockIdx.x * blockDim.x + threadIdx.x) * WIDTH;
    Wide middle = zeros(), spread = zeros(), factor = zeros(), offset = zeros();
    if (own < (INDEX)channels) {
        middle = load<WIDTH>(mean + own);
        spread = load<WIDTH>(inverse + own);
#if RELU
        factor = load<WIDTH>(scale + own);
        offset = load<WIDTH>(shift + own);
#endif
    }
    two_sums(partial, tickets, (INDEX)rows, (INDEX)channels,
        [&](INDEX at, Wide& a, Wide& b) {
            const Pack<REAL, WIDTH> errors = load<WIDTH>(dy + at), read = load<WIDTH>(x + at);
#pragma unroll
            for (int k = 0; k < WIDTH; k++) {
                const ACC normal = ((ACC)read.v[k] - middle.v[k]) * spread.v[k];
                const ACC error = through((ACC)errors.v[k], normal, factor.v[k], offset.v[k]);
                a.v[k] += error;
                b.v[k] += error * normal;
            }
        },
        [&](INDEX c, double shifts, double scales) {
            dshift[c] = (ACC)shifts;
            dscale[c] = (ACC)scales;
        });
}

// dx may lie over dy.
KERNEL normalise_back(REAL* dx, const REAL* dy, const REAL* x, const ACC* scale, const ACC* shift, const ACC* mean,
                      const ACC* inverse, const ACC* dscale, const ACC* dshift, double rows, count_t channels_,
                      count_t packs) {
    const INDEX channels = (INDEX)channels_ / WIDTH;
    const ACC number = (ACC)rows;
    EACH(i, packs) {
        const INDEX c = i % channels * WIDTH;
        const Pack<REAL, WIDTH> errors = load<WIDTH>(dy + i * WIDTH), read = load<WIDTH>(x + i * WIDTH);
        const Wide middle = load<WIDTH>(mean + c), spread = load<WIDTH>(inverse + c), factor = load<WIDTH>(scale + c);
        const Wide scales = load<WIDTH>(dscale + c), shifts = load<WIDTH>(dshift + c);
        Wide offset = zeros();
#if RELU
        offset = load<WIDTH>(shift + c);
#endif
        Pack<REAL, WIDTH> out;
#pragma unroll
        for (int k = 0; k < WIDTH; k++) {
            const ACC normal = ((ACC)read.v[k] - middle.v[k]) * spread.v[k];
            const ACC error = through((ACC)errors.v[k], normal, factor.v[k], offset.v[k]);
            out.v[k] = (REAL)((factor.v[k] * spread.v[k])
                              * (error - shifts.v[k] / number - normal * (scales.v[k] / number)));
        }
        store<WIDTH>(dx + i * WIDTH, out);
    }
}
