// Masks of dropout, drawn by philox.cu.

__device__ inline bool is_kept(const word_t* words, int lane, double bound) {
    return (double)(unsigned)(words[lane / 2] >> (32 * (lane % 2))) < bound;
}

// One thread draws a block.
KERNEL random_bytes(unsigned char* mask, const void* keep, count_t keep_type, const count_t* clock, count_t seed_at,
                    count_t step_at, count_t stream, count_t count) {
    const double bound = read_number(keep, (int)keep_type, 0) * 4294967296.0;
    const word_t seed = (word_t)clock[seed_at], step = (word_t)clock[step_at];
    EACH(block, (count + 7) / 8) {
        word_t words[4];
        draw((word_t)block, step, seed, (word_t)stream, words);
        const count_t first = (count_t)block * 8;
#pragma unroll
        for (int lane = 0; lane < 8; lane++)
            if (first + lane < count) mask[first + lane] = is_kept(words, lane, bound);
    }
}

// y = max(0, y + bias) where an element is kept, else 0; a thread computes one element of a block's eight.
KERNEL add_bias_relu_drop(REAL* y, const ACC* bias, const void* keep, count_t keep_type, const count_t* clock,
                          count_t seed_at, count_t step_at, count_t stream, count_t channels, count_t count) {
    const double bound = read_number(keep, (int)keep_type, 0) * 4294967296.0;
    const word_t seed = (word_t)clock[seed_at], step = (word_t)clock[step_at];
    EACH(block, (count + 1) / 2) {
        word_t words[4];
        draw((word_t)block / 4, step, seed, (word_t)stream, words);
        const word_t word = words[block % 4];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const INDEX i = block * 2 + half;
            if (i >= (INDEX)count) continue;
            const ACC v = (ACC)y[i] + (bias ? bias[i % (INDEX)channels] : (ACC)0);
            y[i] = (double)(unsigned)(word >> (32 * half)) < bound ? (REAL)rectified(v) : (REAL)0;
        }
    }
}
