// Pooling over channels-last maps. Backward passes gather: each pixel asks the windows that hold it, tap by
// tap in a fixed order, so overlapping windows need no atomics and give the same bits every time.
#ifndef WINNER
#define WINNER unsigned char
#endif

#define GEOMETRY                                                                           \
    count_t height_, count_t width_, count_t channels_, count_t rows_, count_t columns_,   \
    count_t size_y, count_t size_x, count_t stride_y, count_t stride_x, count_t top_,      \
    count_t left_, count_t dilation_y, count_t dilation_x, count_t count

#define UNPACK                                                                             \
    const INDEX height = height_, width = width_, channels = channels_, rows = rows_,      \
                columns = columns_;                                                        \
    const int sizes[2] = {(int)size_y, (int)size_x}, strides[2] = {(int)stride_y, (int)stride_x}, \
              pad[2] = {(int)top_, (int)left_}, dilation[2] = {(int)dilation_y, (int)dilation_x};

// i -> (n, a, b, c) of an array [., extent_a, extent_b, channels]
#define PLACE(i, a, b, extent_a, extent_b)                                                 \
    const INDEX c = i % channels;                                                          \
    INDEX rest = i / channels;                                                             \
    const INDEX b = rest % extent_b; rest /= extent_b;                                     \
    const INDEX a = rest % extent_a;                                                       \
    const INDEX n = rest / extent_a;

// The window along one axis whose tap `tap` sees `pixel`, or -1.
__device__ inline INDEX window_of(INDEX pixel, int tap, int stride, int pad, int dilation, INDEX windows) {
    INDEX start = pixel + pad - (INDEX)tap * dilation;
    if (start < 0 || start % stride != 0) return -1;
    INDEX window = start / stride;
    return window < windows ? window : -1;
}

// y = max(0, max(x) + bias) where there is a bias.
KERNEL max_forward(REAL* y, WINNER* winners, const REAL* x, const ACC* bias, GEOMETRY) {
    UNPACK
    EACH(i, count) {
        PLACE(i, row, column, rows, columns)
        const ACC shift = bias ? bias[c] : (ACC)0;
        ACC best = -INFINITE;
        int winner = 0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX py = row * strides[0] - pad[0] + (INDEX)ty * dilation[0];
            if (py < 0 || py >= height) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX px = column * strides[1] - pad[1] + (INDEX)tx * dilation[1];
                if (px < 0 || px >= width) continue;
                const ACC v = (ACC)x[((n * height + py) * width + px) * channels + c] + shift;
                if (beats(v, best)) { best = v; winner = ty * sizes[1] + tx; }
            }
        }
        y[i] = (REAL)(bias ? rectified(best) : best);
        winners[i] = (WINNER)winner;
    }
}

// `pooled` is null, or what max_forward gave behind a ReLU: windows that are not positive there hand nothing on.
KERNEL max_backward(REAL* dx, const REAL* dy, const WINNER* winners, const REAL* pooled, GEOMETRY) {
    UNPACK
    EACH(i, count) {
        PLACE(i, py, px, height, width)
        ACC sum = (ACC)0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX row = window_of(py, ty, strides[0], pad[0], dilation[0], rows);
            if (row < 0) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX column = window_of(px, tx, strides[1], pad[1], dilation[1], columns);
                if (column < 0) continue;
                const INDEX place = ((n * rows + row) * columns + column) * channels + c;
                const bool won = winners[place] == (WINNER)(ty * sizes[1] + tx);
                if (won && (!pooled || (ACC)pooled[place] > (ACC)0)) sum += (ACC)dy[place];
            }
        }
        dx[i] = (REAL)sum;
    }
}

// Windows of 2x2 side by side that cover the map, WIDTH channels at a time; count is that of the pooled packs.
#ifndef WIDTH
#define WIDTH 4
#endif
#define QUAD(i)                                                                            \
    const INDEX packs = (INDEX)channels / WIDTH, c = i % packs * WIDTH;                    \
    const INDEX column = i / packs % (INDEX)columns, line = i / packs / (INDEX)columns;    \
    const INDEX step = (INDEX)channels, below = (INDEX)columns * 2 * step;                 \
    const INDEX corner = (line * 2 * (INDEX)columns + column) * 2 * step + c, small = i * WIDTH;

KERNEL max_forward_quads(REAL* y, unsigned char* winners, const REAL* x, const ACC* bias, count_t columns,
                         count_t channels, count_t count) {
    EACH(i, count) {
        QUAD(i)
        Pack<REAL, WIDTH> taps[4] = {
            load<WIDTH>(x + corner), load<WIDTH>(x + corner + step), load<WIDTH>(x + corner + below),
            load<WIDTH>(x + corner + below + step)};
        Pack<REAL, WIDTH> high;
        Pack<unsigned char, WIDTH> won;
#pragma unroll
        for (int k = 0; k < WIDTH; k++) {
            const ACC shift = bias ? bias[c + k] : (ACC)0;
            ACC best = (ACC)taps[0].v[k] + shift;
            int winner = 0;
#pragma unroll
            for (int tap = 1; tap < 4; tap++) {
                const ACC v = (ACC)taps[tap].v[k] + shift;
                if (beats(v, best)) { best = v; winner = tap; }
            }
            high.v[k] = (REAL)(bias ? rectified(best) : best);
            won.v[k] = (unsigned char)winner;
        }
        store<WIDTH>(y + small, high);
        store<WIDTH>(winners + small, won);
    }
}

KERNEL max_backward_quads(REAL* dx, const REAL* dy, const unsigned char* winners, const REAL* pooled, count_t columns,
                          count_t channels, count_t count) {
    EACH(i, count) {
        QUAD(i)
        const Pack<REAL, WIDTH> errors = load<WIDTH>(dy + small);
        const Pack<unsigned char, WIDTH> won = load<WIDTH>(winners + small);
        Pack<REAL, WIDTH> taps[4];
        Pack<REAL, WIDTH> high = errors;
        if (pooled) high = load<WIDTH>(pooled + small);
#pragma unroll
        for (int k = 0; k < WIDTH; k++) {
            const REAL error = !pooled || (ACC)high.v[k] > (ACC)0 ? errors.v[k] : (REAL)0;
#pragma unroll
            for (int tap = 0; tap < 4; tap++) taps[tap].v[k] = won.v[k] == tap ? error : (REAL)0;
        }
        store<WIDTH>(dx + corner, taps[0]);
        store<WIDTH>(dx + corner + step, taps[1]);
        store<WIDTH>(dx + corner + below, taps[2]);
        store<WIDTH>(dx + corner + below + step, taps[3]);
    }
}

KERNEL average_forward(REAL* y, const REAL* x, GEOMETRY) {
    UNPACK
    const ACC taps = (ACC)(sizes[0] * sizes[1]);
    EACH(i, count) {
        PLACE(i, row, column, rows, columns)
        ACC sum = (ACC)0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX py = row * strides[0] - pad[0] + (INDEX)ty * dilation[0];
            if (py < 0 || py >= height) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX px = column * strides[1] - pad[1] + (INDEX)tx * dilation[1];
                if (px >= 0 && px < width) sum += (ACC)x[((n * height + py) * width + px) * channels + c];
            }
        }
        y[i] = (REAL)(sum / taps);
    }
}

KERNEL average_backward(REAL* dx, const REAL* dy, GEOMETRY) {
    UNPACK
    const ACC taps = (ACC)(sizes[0] * sizes[1]);
    EACH(i, count) {
        PLACE(i, py, px, height, width)
        ACC sum = (ACC)0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX row = window_of(py, ty, strides[0], pad[0], dilation[0], rows);
            if (row < 0) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX column = window_of(px, tx, strides[1], pad[1], dilation[1], columns);
                if (column >= 0) sum += (ACC)dy[((n * rows + row) * columns + column) * channels + c] / taps;
            }
        }
        dx[i] = (REAL)sum;
    }
}

// im2col of some images and of channels first..first+taken: patches [n, row, column, tap, channel].
KERNEL take_patches(REAL* patches, const REAL* x, count_t first_, count_t taken_, GEOMETRY) {
    UNPACK
    const INDEX first = first_, taken = taken_, taps = (INDEX)sizes[0] * sizes[1];
    EACH(i, count) {
        const INDEX c = i % taken;
        INDEX rest = i / taken;
        const INDEX tap = rest % taps; rest /= taps;
        const INDEX column = rest % columns; rest /= columns;
        const INDEX row = rest % rows;
        const INDEX n = rest / rows;
        const INDEX py = row * strides[0] - pad[0] + (tap / sizes[1]) * dilation[0];
        const INDEX px = column * strides[1] - pad[1] + (tap % sizes[1]) * dilation[1];
        const bool inside = py >= 0 && py < height && px >= 0 && px < width;
        patches[i] = inside ? x[((n * height + py) * width + px) * channels + first + c] : (REAL)0;
    }
}

// The adjoint: each pixel sums what the patches that hold it say of it.
KERNEL put_patches(REAL* x, const REAL* patches, count_t first_, count_t taken_, GEOMETRY) {
    UNPACK
    const INDEX first = first_, taken = taken_, taps = (INDEX)sizes[0] * sizes[1];
    EACH(i, count) {
        const INDEX c = i % taken;
        INDEX rest = i / taken;
        const INDEX px = rest % width; rest /= width;
        const INDEX py = rest % height;
        const INDEX n = rest / height;
        ACC sum = (ACC)0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX row = window_of(py, ty, strides[0], pad[0], dilation[0], rows);
            if (row < 0) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX column = window_of(px, tx, strides[1], pad[1], dilation[1], columns);
                if (column < 0) continue;
                const INDEX place = (n * rows + row) * columns + column;
                sum += (ACC)patches[(place * taps + ty * sizes[1] + tx) * taken + c];
            }
        }
        x[((n * height + py) * width + px) * channels + first + c] = (REAL)sum;
    }
}
