// Operations that need only their own element. Outputs may lie over inputs, so nothing is __restrict__.

KERNEL relu_forward(REAL* y, const REAL* x, count_t count) {
    EACH(i, count) { REAL v = x[i]; y[i] = v <= (REAL)0 ? (REAL)0 : v; }
}

KERNEL relu_backward(REAL* dx, const REAL* dy, const REAL* y, count_t count) {
    EACH(i, count) dx[i] = y[i] > (REAL)0 ? dy[i] : (REAL)0;
}

KERNEL leaky_forward(REAL* y, const REAL* x, double slope, count_t count) {
    EACH(i, count) { REAL v = x[i]; y[i] = v > (REAL)0 ? v : v * (REAL)slope; }
}

KERNEL leaky_backward(REAL* dx, const REAL* dy, const REAL* x, double slope, count_t count) {
    EACH(i, count) { REAL d = dy[i]; dx[i] = x[i] > (REAL)0 ? d : d * (REAL)slope; }
}

KERNEL sigmoid_forward(REAL* y, const REAL* x, count_t count) {
    EACH(i, count) y[i] = (tanh(x[i] * (REAL)0.5) + (REAL)1) * (REAL)0.5;
}

KERNEL sigmoid_backward(REAL* dx, const REAL* dy, const REAL* y, count_t count) {
    EACH(i, count) { REAL v = y[i]; dx[i] = dy[i] * (v * ((REAL)1 - v)); }
}

KERNEL tanh_forward(REAL* y, const REAL* x, count_t count) {
    EACH(i, count) y[i] = tanh(x[i]);
}

KERNEL tanh_backward(REAL* dx, const REAL* dy, const REAL* y, count_t count) {
    EACH(i, count) { REAL v = y[i]; dx[i] = dy[i] * ((REAL)1 - v * v); }
}

// A product with a float64 factor is rounded once, as on the CPU.
KERNEL scale_by(REAL* y, const REAL* x, const void* factor, count_t type, count_t count) {
    double f = read_number(factor, (int)type, 0);
    EACH(i, count) y[i] = (REAL)((double)x[i] * f);
}

KERNEL mask_out(REAL* y, const REAL* x, const unsigned char* mask, count_t count) {
    EACH(i, count) y[i] = x[i] * (REAL)mask[i];
}

KERNEL blend_in(REAL* kept, const REAL* fresh, double share, double factor, count_t count) {
    EACH(i, count) kept[i] = kept[i] * (REAL)(1 - share) + fresh[i] * (REAL)(share * factor);
}

KERNEL add_bias(REAL* y, const REAL* bias, count_t channels, count_t count) {
    EACH(i, count) y[i] += bias[i % (INDEX)channels];
}

KERNEL add_bias_relu(REAL* y, const REAL* bias, count_t channels, count_t count) {
    EACH(i, count) { REAL v = y[i] + bias[i % (INDEX)channels]; y[i] = v <= (REAL)0 ? (REAL)0 : v; }
}
