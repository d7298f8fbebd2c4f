// The gradient by a fully connected layer's weights, and Adam's step with it: the gradient never reaches memory.
//
// dW [D, F] = dY^T X over the examples; a block computes 64 x 128 of it with the matrix units (TF32, to which bfloat16
// widens exactly) and updates as many weights. Fragments of mma.m16n8k8 as PTX's manual lays them out.
#define TILE_D 64
#define TILE_F 128
#define CHUNK 32
#define PITCH_Y (TILE_D + 8)
#define PITCH_X (TILE_F + 8)
#define PITCH_W (TILE_F + 4)

__device__ inline unsigned tf32(float value) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
}

__device__ inline void multiply_add(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Rows `first` and on of [rows, width], columns `start` and on, into [CHUNK][pitch]; zeros where there is nothing.
template <int COLUMNS, int COLUMN_PITCH>
__device__ inline void read_rows(unsigned* to, const REAL* from, int first, int rows, INDEX start, INDEX width) {
    for (int at = threadIdx.x; at < CHUNK * COLUMNS / 4; at += 256) {
        const int row = at / (COLUMNS / 4), column = at % (COLUMNS / 4) * 4;
        Pack<REAL, 4> four;
#pragma unroll
        for (int k = 0; k < 4; k++) four.v[k] = (REAL)0.0f;
        if (first + row < rows && start + column < width)
            four = load<4>(from + (count_t)(first + row) * width + start + column);
#pragma unroll
        for (int k = 0; k < 4; k++) to[row * COLUMN_PITCH + column + k] = tf32((float)(ACC)four.v[k]);
    }
}

KERNEL __launch_bounds__(256) weight_step(double* squares, double* partial, unsigned* ticket, const REAL* x,
                                          const REAL* dy, float* weights, float* m_all, float* v_all, bfloat* rounded,
                                          const double* rates, const count_t* clock, int* healthy, count_t step_at,
                                          count_t decoupled, const double* others, count_t examples, count_t outputs,
                                          count_t features) {
    __shared__ __align__(16) union {
        struct { unsigned y[CHUNK * PITCH_Y], x[CHUNK * PITCH_X]; } in;
        float out[TILE_D * PITCH_W];
    } memory;
    const INDEX first_d = (INDEX)blockIdx.y * TILE_D, first_f = (INDEX)blockIdx.x * TILE_F;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const int d = warp / 4 * 32, f = warp % 4 * 32;
    float sums[2][4][4] = {};
    for (int first = 0; first < (int)examples; first += CHUNK) {
        __syncthreads();
        read_rows<TILE_D, PITCH_Y>(memory.in.y, dy, first, (int)examples, first_d, (INDEX)outputs);
        read_rows<TILE_F, PITCH_X>(memory.in.x, x, first, (int)examples, first_f, (INDEX)features);
        __syncthreads();
#pragma unroll
        for (int k = 0; k < CHUNK; k += 8) {
            unsigned a[2][4], b[4][2];
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int part = 0; part < 4; part++)
                    a[i][part] = memory.in.y[(k + t + part / 2 * 4) * PITCH_Y + d + i * 16 + g + part % 2 * 8];
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int part = 0; part < 2; part++)
                    b[j][part] = memory.in.x[(k + t + part * 4) * PITCH_X + f + j * 8 + g];
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) multiply_add(sums[i][j], a[i], b[j]);
        }
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
            for (int part = 0; part < 4; part++)
                memory.out[(d + i * 16 + g + part / 2 * 8) * PITCH_W + f + j * 8 + t * 2 + part % 2] = sums[i][j][part];
    const bool learns = healthy[0];
    const Adam adam = adam_of(rates, clock[step_at], decoupled);
    __syncthreads();
    double square_sum = 0;
#pragma unroll 2
    for (int at = threadIdx.x; at < TILE_D * TILE_F / 4; at += 256) {
        const int row = at / (TILE_F / 4), column = at % (TILE_F / 4) * 4;
        if (first_d + row >= (INDEX)outputs || first_f + column >= (INDEX)features) continue;
        const count_t i = (count_t)(first_d + row) * features + first_f + column;
        const Pack<float, 4> gradient = load<4>(memory.out + row * PITCH_W + column);
        Pack<float, 4> w = load<4>(weights + i), m = load<4>(m_all + i), v = load<4>(v_all + i);
        Pack<bfloat, 4> r;
#pragma unroll
        for (int k = 0; k < 4; k++) {
            square_sum += (double)w.v[k] * (double)w.v[k];
            if (is_sound(w.v[k], gradient.v[k], healthy))
                w.v[k] = adam.step(w.v[k], gradient.v[k], m.v[k], v.v[k], true);
            r.v[k] = (bfloat)w.v[k];
        }
        if (!learns) continue;
        store<4>(weights + i, w);
        store<4>(m_all + i, m);
        store<4>(v_all + i, v);
        if (rounded) store<4>(rounded + i, r);
    }
    square_sum = block_sum(square_sum);
    const unsigned block = blockIdx.y * gridDim.x + blockIdx.x, blocks = gridDim.x * gridDim.y;
    if (threadIdx.x == 0) partial[block] = square_sum;
    if (!is_last(ticket, blocks)) return;
    double sum = 0;
    for (unsigned at = threadIdx.x; at < blocks; at += blockDim.x) sum += ((volatile double*)partial)[at];
    sum = block_sum(sum);
    if (threadIdx.x == 0) squares[0] = others ? sum + others[0] : sum;
}
