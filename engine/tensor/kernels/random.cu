// Philox 4x64-10 (Salmon et al. 2011): the counter is (block + 1, step, 0, 0), the key (seed, stream).
typedef unsigned long long word_t;

// One thread draws a block of four words, which are eight elements: lower half first.
KERNEL random_bytes(unsigned char* mask, const void* keep, count_t keep_type, const count_t* clock, count_t seed_at,
                    count_t step_at, count_t stream, count_t count) {
    const double bound = read_number(keep, (int)keep_type, 0) * 4294967296.0;
    const word_t seed = (word_t)clock[seed_at], step = (word_t)clock[step_at];
    EACH(block, (count + 7) / 8) {
        word_t c0 = (word_t)block + 1, c1 = step, c2 = 0, c3 = 0, k0 = seed, k1 = (word_t)stream;
        for (int round = 0; round < 10; round++) {
            const word_t high0 = __umul64hi(0xD2E7470EE14C6C93ULL, c0), low0 = 0xD2E7470EE14C6C93ULL * c0;
            const word_t high1 = __umul64hi(0xCA5A826395121157ULL, c2), low1 = 0xCA5A826395121157ULL * c2;
            c0 = high1 ^ c1 ^ k0;
            c1 = low1;
            c2 = high0 ^ c3 ^ k1;
            c3 = low0;
            k0 += 0x9E3779B97F4A7C15ULL;
            k1 += 0xBB67AE8584CAA73BULL;
        }
        const word_t words[4] = {c0, c1, c2, c3};
        const count_t first = (count_t)block * 8;
        for (int lane = 0; lane < 8; lane++) {
            const unsigned half = (unsigned)(words[lane / 2] >> (32 * (lane % 2)));
            if (first + lane < count) mask[first + lane] = (double)half < bound;
        }
    }
}
