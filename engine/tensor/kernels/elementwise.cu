// Operations that need only their own element. Outputs may lie over inputs, so nothing is __restrict__.
#ifndef OTHER
#define OTHER float
#endif

KERNEL relu_forward(REAL* y, const REAL* x, count_t count) {
    EACH(i, count) y[i] = (REAL)rectified((ACC)x[i]);
}

KERNEL relu_backward(REAL* dx, const REAL* dy, const REAL* y, count_t count) {
    EACH(i, count) dx[i] = (ACC)y[i] > (ACC)0 ? dy[i] : (REAL)0;
}

KERNEL leaky_forward(REAL* y, const REAL* x, double slope, count_t count) {
    EACH(i, count) { ACC v = x[i]; y[i] = (REAL)(v > (ACC)0 ? v : v * (ACC)slope); }
}

KERNEL leaky_backward(REAL* dx, const REAL* dy, const REAL* x, double slope, count_t count) {
    EACH(i, count) { ACC d = dy[i]; dx[i] = (REAL)((ACC)x[i] > (ACC)0 ? d : d * (ACC)slope); }
}

KERNEL sigmoid_forward(REAL* y, const REAL* x, count_t count) {
    EACH(i, count) y[i] = (REAL)((tanh((ACC)x[i] * (ACC)0.5) + (ACC)1) * (ACC)0.5);
}

KERNEL sigmoid_backward(REAL* dx, const REAL* dy, const REAL* y, count_t count) {
    EACH(i, count) { ACC v = y[i]; dx[i] = (REAL)((ACC)dy[i] * (v * ((ACC)1 - v))); }
}

KERNEL tanh_forward(REAL* y, const REAL* x, count_t count) {
    EACH(i, count) y[i] = (REAL)tanh((ACC)x[i]);
}

KERNEL tanh_backward(REAL* dx, const REAL* dy, const REAL* y, count_t count) {
    EACH(i, count) { ACC v = y[i]; dx[i] = (REAL)((ACC)dy[i] * ((ACC)1 - v * v)); }
}

#define GELU_ROOT ((ACC)0.7978845608028654)
#define GELU_CUBIC ((ACC)0.044715)
__device__ inline ACC gelu_tanh(ACC v) { return tanh((v * v * GELU_CUBIC + (ACC)1) * v * GELU_ROOT); }
__device__ inline ACC logistic(ACC v) { return (tanh(v * (ACC)0.5) + (ACC)1) * (ACC)0.5; }

KERNEL gelu_forward(REAL* y, const REAL* x, count_t count) {
    EACH(i, count) { ACC v = x[i]; y[i] = (REAL)((gelu_tanh(v) + (ACC)1) * (ACC)0.5 * v); }
}

KERNEL gelu_backward(REAL* dx, const REAL* dy, const REAL* x, count_t count) {
    EACH(i, count) {
        // Far out the slope is 0 or 1 to the last bit, and its terms would become infinity times 0.
        const ACC given = x[i], v = given > (ACC)10 ? (ACC)10 : given < (ACC)-10 ? (ACC)-10 : given;
        const ACC bent = gelu_tanh(v);
        const ACC slope = (v * v * (ACC)(3 * 0.044715) + (ACC)1) * v * GELU_ROOT * ((ACC)1 - bent * bent);
        dx[i] = (REAL)((ACC)dy[i] * ((slope + bent + (ACC)1) * (ACC)0.5));
    }
}

KERNEL silu_forward(REAL* y, const REAL* x, count_t count) {
    EACH(i, count) { ACC v = x[i]; y[i] = (REAL)(v * logistic(v)); }
}

KERNEL silu_backward(REAL* dx, const REAL* dy, const REAL* x, count_t count) {
    EACH(i, count) {
        const ACC v = x[i], share = logistic(v);
        dx[i] = (REAL)((ACC)dy[i] * ((((ACC)1 - share) * v + (ACC)1) * share));
    }
}

KERNEL elu_forward(REAL* y, const REAL* x, double alpha, count_t count) {
    EACH(i, count) { ACC v = x[i]; y[i] = (REAL)(v > (ACC)0 ? v : (ACC)alpha * expm1(v)); }
}

KERNEL elu_backward(REAL* dx, const REAL* dy, const REAL* x, double alpha, count_t count) {
    EACH(i, count) { ACC v = x[i], d = dy[i]; dx[i] = (REAL)(v > (ACC)0 ? d : d * ((ACC)alpha * exp(v))); }
}

KERNEL add_two(REAL* y, const REAL* a, const REAL* b, count_t packs, count_t count) {
    EACH(i, packs) {
        const Pack<REAL, 4> one = load<4>(a + i * 4), other = load<4>(b + i * 4);
        Pack<REAL, 4> sum;
#pragma unroll
        for (int k = 0; k < 4; k++) sum.v[k] = (REAL)((ACC)one.v[k] + (ACC)other.v[k]);
        store<4>(y + i * 4, sum);
    }
    if (blockIdx.x == 0 && threadIdx.x < count - packs * 4) {
        const INDEX i = (INDEX)packs * 4 + threadIdx.x;
        y[i] = (REAL)((ACC)a[i] + (ACC)b[i]);
    }
}

// A product with a float64 factor is rounded once, as on the CPU.
KERNEL scale_by(REAL* y, const REAL* x, const void* factor, count_t type, count_t count) {
    double f = read_number(factor, (int)type, 0);
    EACH(i, count) y[i] = (REAL)(ACC)((double)(ACC)x[i] * f);
}

KERNEL mask_out(REAL* y, const REAL* x, const unsigned char* mask, count_t count) {
    EACH(i, count) y[i] = (REAL)((ACC)x[i] * (ACC)mask[i]);
}

KERNEL blend_in(REAL* kept, const REAL* fresh, double share, double factor, count_t count) {
    EACH(i, count) kept[i] = (REAL)((ACC)kept[i] * (ACC)(1 - share) + (ACC)fresh[i] * (ACC)(share * factor));
}

KERNEL add_bias(REAL* y, const ACC* bias, count_t channels, count_t count) {
    EACH(i, count) y[i] = (REAL)((ACC)y[i] + bias[i % (INDEX)channels]);
}

KERNEL add_bias_relu(REAL* y, const ACC* bias, count_t channels, count_t count) {
    EACH(i, count) y[i] = (REAL)rectified((ACC)y[i] + bias[i % (INDEX)channels]);
}

// From one type of numbers to another.
KERNEL change_type(REAL* y, const OTHER* x, count_t count) {
    EACH(i, count) y[i] = (REAL)(ACC)x[i];
}
