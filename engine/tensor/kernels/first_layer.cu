// Convolutions that see few channels, as the first of a network does: stride 1, an own kernel for each size.
// The map that they give is pooled by 2x2 at once, stands behind a ReLU alone, or behind nothing. Images are cut into tiles of 8x32
// places, which are 4x16 pooled ones. CHANNELS, SIZE_Y and SIZE_X are the filters' sizes.
#ifndef CHANNELS
#define CHANNELS 3
#define SIZE_Y 5
#define SIZE_X 5
#endif
// Whether a ReLU stands behind the convolution; without it, no pooling does either.
#ifndef RECTIFIES
#define RECTIFIES 1
#endif
#define ROWS_A_TILE 4
#define COLUMNS_A_TILE 16
#define TAPS (SIZE_Y * SIZE_X * CHANNELS)
#define TILE_Y (2 * ROWS_A_TILE + SIZE_Y - 1)
#define TILE_X (2 * COLUMNS_A_TILE + (SIZE_X + 1) / 2 * 2)
#define ALIGNED(n) (((n) + 3) / 4 * 4)

struct Tile {
    INDEX image;
    int row, column;

    // Tiles of an image are counted along rows of the pooled map.
    __device__ Tile(INDEX number, int rows, int columns) {
        const int across = (columns + COLUMNS_A_TILE - 1) / COLUMNS_A_TILE, down = (rows + ROWS_A_TILE - 1) / ROWS_A_TILE;
        image = number / (across * down);
        row = (int)(number / across % down) * ROWS_A_TILE;
        column = (int)(number % across) * COLUMNS_A_TILE;
    }
};

// Hands every pixel of the tile, zeros around the image, to `put(row, column, channel, value)`.
template <class Put>
__device__ inline void read_tile(const REAL* x, const Tile& tile, int height, int width, int top, int left, Put put) {
    const REAL* image = x + (count_t)tile.image * height * width * CHANNELS;
#pragma unroll
    for (int row = threadIdx.x / 32; row < TILE_Y; row += 8) {
        const int py = tile.row * 2 + row - top, start = (py * width + tile.column * 2 - left) * CHANNELS;
        const bool is_there = py >= 0 && py < height;
#pragma unroll
        for (int at = threadIdx.x % 32; at < TILE_X * CHANNELS; at += 32) {
            const int column = at / CHANNELS, px = tile.column * 2 + column - left;
            const bool inside = is_there && px >= 0 && px < width;
            put(row, column, at % CHANNELS, inside ? (ACC)image[start + at] : (ACC)0);
        }
    }
}

// Forward. 256 threads, each a pooled place of 8 filters; a warp has two rows of places and reads the same weights.
// With winners the map is pooled; without, `y` is the whole map of map_y x map_x places.
KERNEL convolve_rectified(REAL* y, unsigned char* winners, const REAL* x, const REAL* w, const ACC* bias,
                          count_t height, count_t width, count_t map_y, count_t map_x, count_t rows, count_t columns,
                          count_t filters, count_t top, count_t left) {
    __shared__ __align__(16) ACC weights[TAPS][36];
    __shared__ __align__(16) ACC pixels[CHANNELS][TILE_Y][TILE_X];
    const Tile tile((INDEX)blockIdx.x, (int)rows, (int)columns);
    const int first = blockIdx.y * 32;
    for (int k = threadIdx.x / 32; k < 32; k += 8)
        for (int tap = threadIdx.x % 32; tap < TAPS; tap += 32)
            weights[tap][k] = first + k < filters ? (ACC)w[(first + k) * TAPS + tap] : (ACC)0;
    read_tile(x, tile, (int)height, (int)width, (int)top, (int)left,
              [&](int row, int column, int c, ACC value) { pixels[c][row][column] = value; });
    __syncthreads();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, own = warp % 4 * 8;
    const int row = warp / 4 * 2 + lane / 16, column = lane % 16;
    ACC sums[2][2][8] = {};
#pragma unroll 1
    for (int c = 0; c < CHANNELS; c++) {
        ACC seen[SIZE_Y + 1][(SIZE_X + 2) / 2 * 2];
#pragma unroll
        for (int i = 0; i <= SIZE_Y; i++)
#pragma unroll
            for (int j = 0; j < (SIZE_X + 2) / 2; j++) {
                const Pack<ACC, 2> two = load<2>(&pixels[c][row * 2 + i][column * 2 + j * 2]);
                seen[i][j * 2] = two.v[0];
                seen[i][j * 2 + 1] = two.v[1];
            }
#pragma unroll
        for (int i = 0; i < SIZE_Y; i++)
#pragma unroll
            for (int j = 0; j < SIZE_X; j++) {
                const ACC* taps = &weights[(i * SIZE_X + j) * CHANNELS + c][own];
                const Pack<ACC, 4> low = load<4>(taps), high = load<4>(taps + 4);
#pragma unroll
                for (int k = 0; k < 8; k++)
#pragma unroll
                    for (int place = 0; place < 4; place++)
                        sums[place / 2][place % 2][k] =
                            fma(seen[i + place / 2][j + place % 2], k < 4 ? low.v[k % 4] : high.v[k % 4],
                                sums[place / 2][place % 2][k]);
            }
    }
    const int at_row = tile.row + row, at_column = tile.column + column, at = first + own;
    if (at_row >= rows || at_column >= columns || at >= filters) return;
    if (winners) {
        Pack<REAL, 8> pooled;
        Pack<unsigned char, 8> won;
#pragma unroll
        for (int k = 0; k < 8; k++) {
            const ACC shift = bias ? bias[at + k] : (ACC)0;
            ACC best = sums[0][0][k] + shift;
            int winner = 0;
#pragma unroll
            for (int place = 1; place < 4; place++) {
                const ACC v = sums[place / 2][place % 2][k] + shift;
                if (beats(v, best)) { best = v; winner = place; }
            }
            pooled.v[k] = (REAL)rectified(best);
            won.v[k] = (unsigned char)winner;
        }
        const INDEX place = ((tile.image * (INDEX)rows + at_row) * (INDEX)columns + at_column) * (INDEX)filters + at;
        *(Pack<unsigned char, 8>*)(winners + place) = won;
        store<4>(y + place, *(Pack<REAL, 4>*)&pooled.v[0]);
        store<4>(y + place + 4, *(Pack<REAL, 4>*)&pooled.v[4]);
        return;
    }
#pragma unroll
    for (int place = 0; place < 4; place++) {
        const INDEX py = at_row * 2 + place / 2, px = at_column * 2 + place % 2;
        if (py >= map_y || px >= map_x) continue;
        REAL* to = y + ((tile.image * (INDEX)map_y + py) * (INDEX)map_x + px) * (INDEX)filters + at;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            Pack<REAL, 4> four;
#pragma unroll
            for (int k = 0; k < 4; k++) {
                const ACC value = sums[place / 2][place % 2][half * 4 + k] + (bias ? bias[at + half * 4 + k] : (ACC)0);
                four.v[k] = (REAL)(RECTIFIES ? rectified(value) : value);
            }
            store<4>(to + half * 4, four);
        }
    }
}

// Gradients by filters and biases. A lane keeps all taps of one filter; a block of 8 warps goes through tiles, and
// leaves partial sums [block, tap, 32], the bias behind the taps. `sums` are added up in a fixed order.
#define PITCH ALIGNED(TILE_X * CHANNELS)
#define FITS(slots) (sizeof(ACC) * (slots * (TAPS + 1) * 32 + TILE_Y * PITCH) <= 48 * 1024)
#define SLOTS (FITS(4) ? 4 : FITS(2) ? 2 : 1)

__device__ inline void leave_sums(ACC* partial, const ACC* sums, ACC bias_sum) {
    __shared__ ACC slots[SLOTS][TAPS + 1][32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    ACC own[TAPS + 1];
#pragma unroll
    for (int tap = 0; tap < TAPS; tap++) own[tap] = sums[tap];
    own[TAPS] = bias_sum;
    for (int half = 4; half > 0; half /= 2)
        for (int from = 0; from < half; from += SLOTS) {
            __syncthreads();
            const int giving = warp - half - from, taking = warp - from;
            if (giving >= 0 && giving < SLOTS && warp < half * 2)
#pragma unroll
                for (int tap = 0; tap <= TAPS; tap++) slots[giving][tap][lane] = own[tap];
            __syncthreads();
            if (taking >= 0 && taking < SLOTS && warp < half)
#pragma unroll
                for (int tap = 0; tap <= TAPS; tap++) own[tap] += slots[taking][tap][lane];
        }
    if (warp == 0)
#pragma unroll
        for (int tap = 0; tap <= TAPS; tap++) partial[tap * 32 + lane] = own[tap];
}

// Behind ReLU and pooling: each pooled place hands its error to one of four places, so a quarter of the work is left.
KERNEL pooled_filter_errors(ACC* partial, const REAL* x, const REAL* dy, const unsigned char* winners,
                            const REAL* pooled, count_t tiles, count_t height, count_t width, count_t rows,
                            count_t columns, count_t filters, count_t top, count_t left) {
    __shared__ ACC pixels[TILE_Y][PITCH];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, k = blockIdx.x * 32 + lane;
    ACC sums[TAPS] = {}, bias_sum = 0;
    for (INDEX number = blockIdx.y; number < (INDEX)tiles; number += gridDim.y) {
        const Tile tile(number, (int)rows, (int)columns);
        const int row = warp / 2, at_row = tile.row + row;
        const INDEX line = (tile.image * (INDEX)rows + at_row) * (INDEX)columns;
        // All that a warp needs of its 8 places is asked for before the pixels are.
        ACC errors[8];
        unsigned won = 0;
#pragma unroll
        for (int s = 0; s < 8; s++) {
            const int at_column = tile.column + warp % 2 * 8 + s;
            errors[s] = 0;
            if (at_row < rows && at_column < columns && k < filters) {
                const INDEX at = (line + at_column) * (INDEX)filters + k;
                won |= (unsigned)winners[at] << (2 * s);
                // Both are read before either is looked at: a read behind a branch would wait for the first.
                const ACC error = dy[at], high = pooled[at];
                errors[s] = high > (ACC)0 ? error : (ACC)0;
            }
        }
        __syncthreads();
        read_tile(x, tile, (int)height, (int)width, (int)top, (int)left,
                  [&](int row, int column, int c, ACC value) { pixels[row][column * CHANNELS + c] = value; });
        __syncthreads();
        if (at_row >= rows) continue;
#pragma unroll
        for (int s = 0; s < 8; s++) {
            const unsigned winner = won >> (2 * s) & 3;
            const ACC* from = &pixels[row * 2 + winner / 2][((warp % 2 * 8 + s) * 2 + winner % 2) * CHANNELS];
            bias_sum += errors[s];
#pragma unroll
            for (int i = 0; i < SIZE_Y; i++)
#pragma unroll
                for (int j = 0; j < SIZE_X * CHANNELS; j++)
                    sums[i * SIZE_X * CHANNELS + j] = fma(errors[s], from[i * PITCH + j], sums[i * SIZE_X * CHANNELS + j]);
        }
    }
    leave_sums(partial + ((count_t)blockIdx.y * gridDim.x + blockIdx.x) * (TAPS + 1) * 32, sums, bias_sum);
}

// Behind ReLU alone, or behind nothing, where y is not read: four neighbouring places share the pixels that they see. Tiles are those of a map pooled by 2x2.
KERNEL rectified_filter_errors(ACC* partial, const REAL* x, const REAL* dy, const REAL* y, count_t tiles,
                               count_t height, count_t width, count_t map_y, count_t map_x, count_t filters,
                               count_t top, count_t left) {
    __shared__ __align__(16) ACC pixels[TILE_Y][PITCH];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, k = blockIdx.x * 32 + lane;
    ACC sums[TAPS] = {}, bias_sum = 0;
    for (INDEX number = blockIdx.y; number < (INDEX)tiles; number += gridDim.y) {
        const Tile tile(number, (int)(map_y + 1) / 2, (int)(map_x + 1) / 2);
        __syncthreads();
        read_tile(x, tile, (int)height, (int)width, (int)top, (int)left,
                  [&](int row, int column, int c, ACC value) { pixels[row][column * CHANNELS + c] = value; });
        __syncthreads();
        const int at_row = tile.row * 2 + warp;
        if (at_row >= map_y) continue;
        const INDEX line = (tile.image * (INDEX)map_y + at_row) * (INDEX)map_x;
        ACC errors[4], highs[4];
        const auto fetch = [&](int s) {
#pragma unroll
            for (int place = 0; place < 4; place++) {
                const int at_column = tile.column * 2 + s * 4 + place;
                errors[place] = highs[place] = 0;
                if (s < 8 && at_column < map_x && k < filters) {
                    const INDEX at = (line + at_column) * (INDEX)filters + k;
                    // Looked at a round later, when both are there.
                    errors[place] = dy[at];
                    highs[place] = RECTIFIES ? (ACC)y[at] : (ACC)1;
                }
            }
        };
        fetch(0);
#pragma unroll 1
        for (int s = 0; s < 8; s++) {
            ACC g[4];
#pragma unroll
            for (int place = 0; place < 4; place++) g[place] = highs[place] > (ACC)0 ? errors[place] : (ACC)0;
            fetch(s + 1);
            bias_sum += (g[0] + g[1]) + (g[2] + g[3]);
#pragma unroll
            for (int i = 0; i < SIZE_Y; i++) {
                ACC seen[ALIGNED((SIZE_X + 3) * CHANNELS)];
#pragma unroll
                for (int j = 0; j < ALIGNED((SIZE_X + 3) * CHANNELS) / 4; j++) {
                    const Pack<ACC, 4> four = load<4>(&pixels[warp + i][s * 4 * CHANNELS + j * 4]);
#pragma unroll
                    for (int part = 0; part < 4; part++) seen[j * 4 + part] = four.v[part];
                }
#pragma unroll
                for (int place = 0; place < 4; place++)
#pragma unroll
                    for (int j = 0; j < SIZE_X * CHANNELS; j++)
                        sums[i * SIZE_X * CHANNELS + j] =
                            fma(g[place], seen[place * CHANNELS + j], sums[i * SIZE_X * CHANNELS + j]);
            }
        }
    }
    leave_sums(partial + ((count_t)blockIdx.y * gridDim.x + blockIdx.x) * (TAPS + 1) * 32, sums, bias_sum);
}

// Adds the partial sums up: a block of 32x16 a tap and a run of 32 filters.
KERNEL finish_filter_errors(ACC* dw, ACC* db, const ACC* partial, count_t blocks, count_t filters) {
    __shared__ double parts[16][32];
    const int tap = blockIdx.y, k = blockIdx.x * 32 + threadIdx.x;
    double sum = 0;
#pragma unroll 8
    for (int block = threadIdx.y; block < blocks; block += 16)
        sum += (double)partial[((count_t)block * gridDim.x + blockIdx.x) * (TAPS + 1) * 32 + tap * 32 + threadIdx.x];
    parts[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y || k >= filters) return;
    for (int part = 1; part < 16; part++) sum += parts[part][threadIdx.x];
    if (tap < TAPS) dw[(count_t)k * TAPS + tap] = (ACC)sum;
    else if (db) db[k] = (ACC)sum;
}
