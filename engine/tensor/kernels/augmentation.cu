// Batches of images that are changed at random while they are gathered: one block an image. The same maths in the same
// order as engine/tensor/augmentation.py; needs philox.cu before it.
#ifndef PIXEL
#define PIXEL unsigned char
#endif

struct Change {
    count_t from, rows, columns, cut_row, cut_column;
    bool mirrored;
    double sine, cosine, down, across;
    ACC added, factor;
};

__device__ inline unsigned half_word(const word_t* words, int place) {
    return (unsigned)(words[place / 2] >> (32 * (place % 2)));
}

__device__ inline double signed_draw(const word_t* words, int place) {
    return (double)half_word(words, place) * 4.656612873077392578125e-10 - 1.0;
}

// A whole number from 0 to size - 1.
__device__ inline count_t whole_draw(const word_t* words, int place, count_t size) {
    return (count_t)(((word_t)half_word(words, place) * (word_t)size) >> 32);
}

__device__ inline count_t reflected(count_t place, count_t size) {
    if (size == 1) return 0;
    const count_t period = 2 * (size - 1), rest = wrapped(place, period);
    return rest < period - rest ? rest : period - rest;
}

// A pixel that may lie beyond the image.
__device__ inline ACC seen(const PIXEL* image, count_t row, count_t column, int c, count_t height, count_t width,
                           int channels, bool reflects) {
    if (reflects) {
        row = reflected(row, height);
        column = reflected(column, width);
    } else if (row < 0 || row >= height || column < 0 || column >= width) {
        return (ACC)0;
    }
    return (ACC)image[(row * width + column) * channels + c];
}

KERNEL gather_at_random(REAL* x, int* y, const PIXEL* images, const int* labels, count_t total, const void* order,
                        count_t order_type, count_t order_count, count_t* clock, count_t seed_at, count_t step_at,
                        count_t position_at, count_t start_at, const void* starts, count_t starts_type,
                        count_t starts_count, double* rates, const double* schedule, count_t rate_at,
                        unsigned* ticket, const ACC* scale, count_t scale_y, count_t scale_x,
                        count_t scale_c, const ACC* offset, count_t offset_y, count_t offset_x, count_t offset_c,
                        count_t height, count_t width, count_t channels_, count_t stream, count_t crop,
                        count_t reflects, count_t mirrors, double rotation, double shift, count_t between_pixels,
                        double brightness, double contrast, count_t lit, count_t cutout) {
    const count_t ahead = starts ? 1 : 0, position = clock[position_at] + ahead;
    const int channels = (int)channels_;
    __shared__ Change change;
    if (threadIdx.x == 0) {
        const count_t n = blockIdx.x;
        const word_t step = (word_t)(clock[step_at] + ahead), seed = (word_t)clock[seed_at];
        word_t words[8];
        draw((word_t)(2 * n), step, seed, (word_t)stream, words);
        draw((word_t)(2 * n + 1), step, seed, (word_t)stream, words + 4);
        const count_t place = wrapped(position * (count_t)gridDim.x + n, order_count);
        change.from = wrapped(read_integer(order, (int)order_type, place), total);
        change.rows = whole_draw(words, 0, 2 * crop + 1) - crop;
        change.columns = whole_draw(words, 1, 2 * crop + 1) - crop;
        change.mirrored = mirrors && half_word(words, 2) < 0x80000000u;
        const double angle = signed_draw(words, 3) * (rotation * 3.141592653589793 / 180);
        change.sine = sin(angle);
        change.cosine = cos(angle);
        change.down = (double)change.rows + signed_draw(words, 4) * shift;
        change.across = (double)change.columns + signed_draw(words, 5) * shift;
        change.added = (ACC)(signed_draw(words, 6) * (brightness * 255) + 127.5);
        change.factor = (ACC)(1 + signed_draw(words, 7) * contrast);
        change.cut_row = whole_draw(words, 8, height) - cutout / 2;
        change.cut_column = whole_draw(words, 9, width) - cutout / 2;
        y[n] = labels[change.from];
    }
    __syncthreads();
    const PIXEL* image = images + change.from * height * width * channels;
    REAL* out = x + (count_t)blockIdx.x * height * width * channels;
    for (count_t pixel = threadIdx.x; pixel < height * width; pixel += blockDim.x) {
        const count_t py = pixel / width, px = pixel % width;
        count_t row = py + change.rows, column = (change.mirrored ? width - 1 - px : px) + change.columns;
        ACC below = 0, right = 0;
        if (between_pixels) {
            const double middle_row = (double)(height - 1) / 2, middle_column = (double)(width - 1) / 2;
            const double v = (double)py - middle_row;
            const double u = change.mirrored ? -((double)px - middle_column) : (double)px - middle_column;
            const double at_row = change.cosine * v + change.sine * u + middle_row + change.down;
            const double at_column = change.cosine * u - change.sine * v + middle_column + change.across;
            const double top = floor(at_row), left = floor(at_column);
            below = (ACC)(at_row - top);
            right = (ACC)(at_column - left);
            row = (count_t)top;
            column = (count_t)left;
        }
        const bool cut = cutout && py >= change.cut_row && py < change.cut_row + cutout &&
                         px >= change.cut_column && px < change.cut_column + cutout;
        for (int c = 0; c < channels; c++) {
#define SEEN(r, k) seen(image, r, k, c, height, width, channels, reflects)
            ACC value = 0;
            if (!cut) {
                if (between_pixels) {
                    const ACC first = SEEN(row, column) * ((ACC)1 - right) + SEEN(row, column + 1) * right;
                    const ACC second = SEEN(row + 1, column) * ((ACC)1 - right) + SEEN(row + 1, column + 1) * right;
                    value = first * ((ACC)1 - below) + second * below;
                } else {
                    value = SEEN(row, column);
                }
                if (c < lit) {
                    value = (value - (ACC)127.5) * change.factor + change.added;
                    value = value < (ACC)0 ? (ACC)0 : value > (ACC)255 ? (ACC)255 : value;
                }
                value = value * scale[py * scale_y + px * scale_x + c * scale_c]
                        + offset[py * offset_y + px * offset_x + c * offset_c];
            }
            out[pixel * channels + c] = (REAL)value;
        }
    }
    if (ahead && is_last(ticket, gridDim.x) && threadIdx.x == 0) {
        clock[step_at] += 1;
        clock[position_at] = position;
        clock[start_at] = read_integer(starts, (int)starts_type, wrapped(position, starts_count));
        rates[rate_at] = schedule[wrapped(position, starts_count)];
    }
}
