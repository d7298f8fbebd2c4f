// Filter gradients of convolutions with stride 1 on matrix units, in TF32: dW[k, r, s, c] = Σ dY[n, p, q, k] X[n, p + r −
// top, q + s − left, c]. Both operands lie with their channels together, while the sum runs over pixels: the matrix
// instructions of Hopper, which take operands from shared memory, cannot read that; those of Ampere, which take them
// from registers, can.
//
// A block of WARPS warps computes 32 filters a warp by 32 channels by all SIZE_X taps of one row of taps, over a run of
// segments: 16 neighbouring pixels of a row of dY, and the 16 + SIZE_X − 1 pixels of X that they see. A thread owns four
// neighbouring pixels of a segment (the order of a sum is free), so that what it loads for one tap serves the next.

#define SEGMENT 16
#define SEEN (SEGMENT + SIZE_X - 1)
#define THREADS (32 * WARPS)
#define FILTERS (32 * WARPS)
#define STAGES 5

// Copies 16 bytes into shared memory while the block goes on; zeros, and nothing read, where there is nothing to copy.
__device__ inline void fetch(float* to, const float* from, bool is_there) {
    const unsigned address = (unsigned)__cvta_generic_to_shared(to);
    const int size = is_there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(size));
}

__device__ inline void end_of_stage() { asm volatile("cp.async.commit_group;"); }

__device__ inline void wait_for_oldest_stage() { asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2)); }

// The nearest TF32 number: the matrix units would cut off the last bits.
__device__ inline unsigned nearest(float value) { return __float_as_uint(value) + 0x1000u; }

__device__ inline void multiply_add(float* sum, const unsigned* a, unsigned b0, unsigned b1) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Pixels lie in shared memory in pieces of four channels, which change places from four pixels to the next four, so
// that the threads of a warp read from different banks.
__device__ inline int mixed(int pixel, int piece) { return (piece ^ (pixel >> 2 & 3) << 1) * 4; }

// partial[run, k, r, s, c]: a grid of (tap rows × channels / 32 × filters / FILTERS, runs of segments).
KERNEL __launch_bounds__(THREADS) filter_errors(
    float* __restrict__ partial, const float* __restrict__ x, const float* __restrict__ dy, count_t images_,
    count_t height_, count_t width_, count_t channels_, count_t rows_, count_t columns_, count_t filters_,
    count_t size_y_, count_t top_, count_t left_) {
    // Registers are short: two for a count would be one too many.
    const int images = (int)images_, height = (int)height_, width = (int)width_, channels = (int)channels_;
    const int rows = (int)rows_, columns = (int)columns_, filters = (int)filters_, size_y = (int)size_y_;
    const int top = (int)top_, left = (int)left_;
    __shared__ alignas(128) float errors[STAGES][SEGMENT][FILTERS];
    __shared__ alignas(128) float seen[STAGES][SEEN][32];
    const int thread = threadIdx.x, warp = thread / 32, group = thread % 32 / 4, own = thread % 4;
    const int blocks_of_channels = (channels + 31) / 32, tap_row = blockIdx.x % size_y;
    const int tile = blockIdx.x / size_y;
    const int first_channel = tile % blocks_of_channels * 32, first_filter = tile / blocks_of_channels * FILTERS;

    // Rows of dY that see a row of X through this row of taps.
    const int first_row = max(0, top - tap_row), end_row = min(rows, height + top - tap_row);
    const int lines = max(0, end_row - first_row), in_a_row = (columns + SEGMENT - 1) / SEGMENT;
    const int segments = images * lines * in_a_row;
    const int first = (int)((count_t)segments * blockIdx.y / gridDim.y);
    const int last = (int)((count_t)segments * (blockIdx.y + 1) / gridDim.y);

    // Where the segment that is fetched next begins, and what this thread fetches of each.
    int to_fetch = last - first, column = 0, line = 0;
    const float *errors_from = dy, *seen_from = x;
    if (to_fetch > 0) {
        column = first % in_a_row * SEGMENT;
        line = first / in_a_row % lines;
        const int image = first / in_a_row / lines;
        errors_from += (count_t)(image * rows + first_row + line) * columns * filters;
        seen_from += (count_t)(image * height + first_row + line + tap_row - top) * width * channels;
    }
    const int error_pixel = thread / (FILTERS / 4), error_piece = thread % (FILTERS / 4);
    const int seen_pixel = thread / 8, seen_piece = thread % 8;
    const bool has_filters = first_filter + error_piece * 4 < filters;
    const bool has_channels = first_channel + seen_piece * 4 < channels;
    errors_from += error_pixel * filters + first_filter + error_piece * 4;
    seen_from += (seen_pixel - left) * channels + first_channel + seen_piece * 4;

    auto fetch_segment = [&](int stage) {
        const float* from = errors_from + column * filters;
#pragma unroll
        for (int step = 0; step < SEGMENT; step += 4) {
            const int pixel = error_pixel + step;
            const bool is_there = to_fetch > 0 && has_filters && column + pixel < columns;
            fetch(&errors[stage][pixel][mixed(pixel, error_piece)], from + step * filters, is_there);
        }
        from = seen_from + column * channels;
#pragma unroll
        for (int step = 0; step < SEEN; step += THREADS / 8) {
            const int pixel = seen_pixel + step;
            const bool is_there =
                to_fetch > 0 && has_channels && (unsigned)(column + pixel - left) < (unsigned)width;
            if (pixel < SEEN)
                fetch(&seen[stage][pixel][mixed(pixel, seen_piece)], from + step * channels, is_there);
        }
        --to_fetch;
        column += SEGMENT;
        if (column >= columns) {
            column = 0;
            errors_from += columns * filters;
            seen_from += width * channels;
            if (++line == lines) {
                line = 0;
                errors_from += (rows - lines) * columns * filters;
                seen_from += (height - lines) * width * channels;
            }
        }
    };

    float sums[SIZE_X][2][4][4] = {};
    for (int ahead = 0; ahead < STAGES - 1; ++ahead) {
        fetch_segment(ahead);
        end_of_stage();
    }
    int stage = 0, free = STAGES - 1;
    for (int segment = first; segment < last; ++segment) {
        wait_for_oldest_stage();
        __syncthreads();
        fetch_segment(free);
        end_of_stage();
        unsigned b[SIZE_X + 3][4];
#pragma unroll
        for (int j = 0; j < 4; j += 2) {
            // The first pair of pixels needs all but the last two that are seen.
#pragma unroll
            for (int at = j == 0 ? 0 : SIZE_X + 1; at < SIZE_X + 1 + j; ++at) {
                const int pixel = 4 * own + at;
                const Pack<float, 4> four = load<4>(&seen[stage][pixel][mixed(pixel, group)]);
#pragma unroll
                for (int i = 0; i < 4; ++i) b[at][i] = nearest(four.v[i]);
            }
            const int pixel = 4 * own + j, piece = 8 * warp + group;
            const Pack<float, 4> one = load<4>(&errors[stage][pixel][mixed(pixel, piece)]);
            const Pack<float, 4> two = load<4>(&errors[stage][pixel + 1][mixed(pixel + 1, piece)]);
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const unsigned a[4] = {
                    nearest(one.v[2 * half]), nearest(one.v[2 * half + 1]), nearest(two.v[2 * half]),
                    nearest(two.v[2 * half + 1])};
#pragma unroll
                for (int tap = 0; tap < SIZE_X; ++tap)
#pragma unroll
                    for (int i = 0; i < 4; ++i)
                        multiply_add(sums[tap][half][i], a, b[j + tap][i], b[j + 1 + tap][i]);
            }
        }
        stage = stage + 1 == STAGES ? 0 : stage + 1;
        free = free + 1 == STAGES ? 0 : free + 1;
    }

    // Row g of a tile of 16 is filter 4g + 2 · half, row g + 8 the one after it; column n of tile i is channel 4n + i.
    const int taps = size_y * SIZE_X;
    float* to = partial + (count_t)blockIdx.y * (filters * taps * channels);
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int odd = 0; odd < 2; ++odd) {
            const int filter = first_filter + 32 * warp + 4 * group + 2 * half + odd;
            if (filter >= filters) continue;
#pragma unroll
            for (int tap = 0; tap < SIZE_X; ++tap)
#pragma unroll
                for (int side = 0; side < 2; ++side) {
                    const int channel = first_channel + 8 * own + 4 * side;
                    if (channel >= channels) continue;
                    Pack<float, 4> four;
#pragma unroll
                    for (int i = 0; i < 4; ++i) four.v[i] = sums[tap][half][i][2 * odd + side];
                    store(to + ((filter * taps + tap_row * SIZE_X + tap) * channels + channel), four);
                }
        }
}

// dw = Σ partial over runs, in their order: a block of (32, 8) sums 32 packs of four.
KERNEL __launch_bounds__(256) sum_of_runs(
    float* __restrict__ dw, const float* __restrict__ partial, count_t runs, count_t packs) {
    __shared__ Pack<float, 4> sums[8][32];
    const count_t pack = (count_t)blockIdx.x * 32 + threadIdx.x;
    Pack<float, 4> sum = {};
    if (pack < packs)
        for (count_t run = threadIdx.y; run < runs; run += 8) {
            const Pack<float, 4> one = load<4>(partial + (run * packs + pack) * 4);
#pragma unroll
            for (int i = 0; i < 4; ++i) sum.v[i] += one.v[i];
        }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && pack < packs) {
        for (int other = 1; other < 8; ++other)
#pragma unroll
            for (int i = 0; i < 4; ++i) sum.v[i] += sums[other][threadIdx.x].v[i];
        store(dw + pack * 4, sum);
    }
}
