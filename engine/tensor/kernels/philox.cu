// Philox 4x64-10 (Salmon et al. 2011): the counter is (block + 1, step, 0, 0), the key (seed, stream).
typedef unsigned long long word_t;

// Words of a block: eight elements, lower half of each word first.
__device__ inline void draw(word_t block, word_t step, word_t seed, word_t stream, word_t* words) {
    word_t c0 = block + 1, c1 = step, c2 = 0, c3 = 0, k0 = seed, k1 = stream;
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
    words[0] = c0; words[1] = c1; words[2] = c2; words[3] = c3;
}
