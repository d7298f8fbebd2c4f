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

KERNEL max_forward(REAL* y, WINNER* winners, const REAL* x, GEOMETRY) {
    UNPACK
    EACH(i, count) {
        PLACE(i, row, column, rows, columns)
        REAL best = -INFINITE;
        int winner = 0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX py = row * strides[0] - pad[0] + (INDEX)ty * dilation[0];
            if (py < 0 || py >= height) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX px = column * strides[1] - pad[1] + (INDEX)tx * dilation[1];
                if (px < 0 || px >= width) continue;
                const REAL v = x[((n * height + py) * width + px) * channels + c];
                // A NaN wins over everything, so that it is seen.
                if (v > best || (v != v && best == best)) { best = v; winner = ty * sizes[1] + tx; }
            }
        }
        y[i] = best;
        winners[i] = (WINNER)winner;
    }
}

// `pooled` is null, or what max_forward gave behind a ReLU: windows that are not positive there hand nothing on.
KERNEL max_backward(REAL* dx, const REAL* dy, const WINNER* winners, const REAL* pooled, GEOMETRY) {
    UNPACK
    EACH(i, count) {
        PLACE(i, py, px, height, width)
        REAL sum = (REAL)0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX row = window_of(py, ty, strides[0], pad[0], dilation[0], rows);
            if (row < 0) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX column = window_of(px, tx, strides[1], pad[1], dilation[1], columns);
                if (column < 0) continue;
                const INDEX place = ((n * rows + row) * columns + column) * channels + c;
                const bool won = winners[place] == (WINNER)(ty * sizes[1] + tx);
                if (won && (!pooled || pooled[place] > (REAL)0)) sum += dy[place];
            }
        }
        dx[i] = sum;
    }
}

KERNEL average_forward(REAL* y, const REAL* x, GEOMETRY) {
    UNPACK
    const REAL taps = (REAL)(sizes[0] * sizes[1]);
    EACH(i, count) {
        PLACE(i, row, column, rows, columns)
        REAL sum = (REAL)0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX py = row * strides[0] - pad[0] + (INDEX)ty * dilation[0];
            if (py < 0 || py >= height) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX px = column * strides[1] - pad[1] + (INDEX)tx * dilation[1];
                if (px >= 0 && px < width) sum += x[((n * height + py) * width + px) * channels + c];
            }
        }
        y[i] = sum / taps;
    }
}

KERNEL average_backward(REAL* dx, const REAL* dy, GEOMETRY) {
    UNPACK
    const REAL taps = (REAL)(sizes[0] * sizes[1]);
    EACH(i, count) {
        PLACE(i, py, px, height, width)
        REAL sum = (REAL)0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX row = window_of(py, ty, strides[0], pad[0], dilation[0], rows);
            if (row < 0) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX column = window_of(px, tx, strides[1], pad[1], dilation[1], columns);
                if (column >= 0) sum += dy[((n * rows + row) * columns + column) * channels + c] / taps;
            }
        }
        dx[i] = sum;
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
        REAL sum = (REAL)0;
        for (int ty = 0; ty < sizes[0]; ty++) {
            const INDEX row = window_of(py, ty, strides[0], pad[0], dilation[0], rows);
            if (row < 0) continue;
            for (int tx = 0; tx < sizes[1]; tx++) {
                const INDEX column = window_of(px, tx, strides[1], pad[1], dilation[1], columns);
                if (column < 0) continue;
                const INDEX place = (n * rows + row) * columns + column;
                sum += patches[(place * taps + ty * sizes[1] + tx) * taken + c];
            }
        }
        x[((n * height + py) * width + px) * channels + first + c] = sum;
    }
}
