// Which examples a step sees, and their pixels prepared as pixel·scale + offset.
#ifndef PIXEL
#define PIXEL unsigned char
#endif

// The schedule holds the learning rate of every position, as `starts` does the start of its validation batch.
KERNEL advance_clock(count_t* clock, const void* starts, count_t type, count_t step_at, count_t position_at,
                     count_t start_at, count_t count, double* rates, const double* schedule, count_t rate_at) {
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        clock[step_at] += 1;
        clock[position_at] += 1;
        clock[start_at] = read_integer(starts, (int)type, wrapped(clock[position_at], count));
        rates[rate_at] = schedule[wrapped(clock[position_at], count)];
    }
}

// scale and offset have strides (rows, columns, channels) in elements; 0 where they are the same for all.
#define PREPARATION                                                                        \
    REAL* x, int* y, const PIXEL* images, const int* labels, count_t total, count_t batch, \
    const ACC* scale, count_t scale_y, count_t scale_x, count_t scale_c, const ACC* offset, \
    count_t offset_y, count_t offset_x, count_t offset_c, count_t width_, count_t channels_, \
    count_t pixels_, count_t count

#define PREPARE(INDEX_OF, COLUMN)                                                          \
    const INDEX width = width_, channels = channels_, pixels = pixels_;                    \
    EACH(i, count) {                                                                       \
        const INDEX n = i / pixels, pixel = i % pixels;                                    \
        const INDEX c = pixel % channels, px = pixel / channels % width, py = pixel / channels / width; \
        const count_t from = wrapped(INDEX_OF, total);                                     \
        const ACC value = (ACC)images[from * pixels + (py * width + (COLUMN)) * channels + c]; \
        x[i] = (REAL)(value * scale[py * scale_y + px * scale_x + c * scale_c]             \
                      + offset[py * offset_y + px * offset_x + c * offset_c]);             \
        if (pixel == 0) y[n] = labels[from];                                               \
    }

KERNEL gather_ordered(const void* order, count_t order_type, count_t order_count, const count_t* clock,
                      count_t position_at, PREPARATION) {
    const count_t first = clock[position_at] * batch;
    PREPARE(read_integer(order, (int)order_type, wrapped(first + n, order_count)), px)
}

KERNEL gather_consecutive(const count_t* clock, count_t start_at, count_t mirrored, PREPARATION) {
    const count_t first = clock[start_at];
    PREPARE(first + n, mirrored ? width - 1 - px : px)
}

// The batch at the next position; the block that is done last moves the clock there.
KERNEL gather_next(const void* order, count_t order_type, count_t order_count, count_t* clock, count_t step_at,
                   count_t position_at, count_t start_at, const void* starts, count_t starts_type, count_t starts_count,
                   double* rates, const double* schedule, count_t rate_at, unsigned* ticket, PREPARATION) {
    const count_t position = clock[position_at] + 1, first = position * batch;
    PREPARE(read_integer(order, (int)order_type, wrapped(first + n, order_count)), px)
    if (is_last(ticket, gridDim.x) && threadIdx.x == 0) {
        clock[step_at] += 1;
        clock[position_at] = position;
        clock[start_at] = read_integer(starts, (int)starts_type, wrapped(position, starts_count));
        rates[rate_at] = schedule[wrapped(position, starts_count)];
    }
}

// The same where scale and offset have a value for each pixel: a block an image, PACK pixels at a time.
#ifndef PACK
#define PACK 4
#endif
KERNEL gather_next_images(const void* order, count_t order_type, count_t order_count, count_t* clock, count_t step_at,
                          count_t position_at, count_t start_at, const void* starts, count_t starts_type,
                          count_t starts_count, double* rates, const double* schedule, count_t rate_at,
                          unsigned* ticket, REAL* x, int* y, const PIXEL* images,
                          const int* labels, count_t total, count_t batch, const ACC* scale, const ACC* offset,
                          count_t pixels) {
    const count_t position = clock[position_at] + 1;
    const count_t n = blockIdx.x, place = wrapped(position * batch + n, order_count);
    const count_t from = wrapped(read_integer(order, (int)order_type, place), total);
    for (int i = threadIdx.x * PACK; i < (int)pixels; i += blockDim.x * PACK) {
        const Pack<PIXEL, PACK> read = load<PACK>(images + from * pixels + i);
        const Pack<ACC, PACK> factor = load<PACK>(scale + i), shift = load<PACK>(offset + i);
        Pack<REAL, PACK> prepared;
#pragma unroll
        for (int k = 0; k < PACK; k++) prepared.v[k] = (REAL)((ACC)read.v[k] * factor.v[k] + shift.v[k]);
        store<PACK>(x + n * pixels + i, prepared);
    }
    if (threadIdx.x == 0) y[n] = labels[from];
    if (is_last(ticket, gridDim.x) && threadIdx.x == 0) {
        clock[step_at] += 1;
        clock[position_at] = position;
        clock[start_at] = read_integer(starts, (int)starts_type, wrapped(position, starts_count));
        rates[rate_at] = schedule[wrapped(position, starts_count)];
    }
}
