// Learning rules over flat arenas, one pass. Rates, clock and health are read on the device: places in rates are
// learning rate, weight decay, beta1, beta2, epsilon, momentum.

// A gradient or weight whose square overflows changes nothing and ends the learning, so that what a diverged run
// leaves is finite.
__device__ inline bool is_sound(ACC w, ACC g, int* healthy) {
    if (w * w < INFINITE && g * g < INFINITE) return true;
    healthy[0] = 0;
    return false;
}

struct Adam {
    ACC root_factor, rate, shrink, decay, epsilon, beta1, rest1, beta2, rest2;
    bool decoupled;

    __device__ ACC step(ACC w, ACC g, ACC& m, ACC& v, bool decays) const {
        if (decays && !decoupled) g = g + decay * w;
        m = m * beta1 + g * rest1;
        v = v * beta2 + (g * g) * rest2;
        if (decays && decoupled) w = w * shrink;
        return w - m / (sqrt(v) * root_factor + epsilon) * rate;
    }
};

__device__ inline Adam adam_of(const double* rates, count_t step, bool decoupled) {
    __shared__ ACC shared[3];
    if (threadIdx.x == 0) {
        shared[0] = (ACC)(1.0 / sqrt(1.0 - pow(rates[3], (double)step)));
        shared[1] = (ACC)(rates[0] / (1.0 - pow(rates[2], (double)step)));
        shared[2] = (ACC)(1.0 - rates[0] * rates[1]);
    }
    __syncthreads();
    return {shared[0], shared[1], shared[2], (ACC)rates[1], (ACC)rates[4], (ACC)rates[2], (ACC)(1.0 - rates[2]),
            (ACC)rates[3], (ACC)(1.0 - rates[3]), decoupled};
}

KERNEL sgd_step(REAL* parameters, const REAL* gradients, REAL* velocity, const double* rates, int* healthy,
                count_t decaying, count_t nesterov, count_t count) {
    if (!healthy[0]) return;
    const REAL rate = (REAL)rates[0], decay = (REAL)rates[1], momentum = (REAL)rates[5];
    EACH(i, count) {
        REAL w = parameters[i], g = gradients[i];
        if (!is_sound(w, g, healthy)) continue;
        if (i < (INDEX)decaying) g = g + decay * w;
        if (velocity) {
            const REAL v = velocity[i] * momentum + g;
            velocity[i] = v;
            g = nesterov ? g + momentum * v : v;
        }
        parameters[i] = w - rate * g;
    }
}

KERNEL average_step(REAL* average, const REAL* values, const count_t* clock, count_t step_at, double memory,
                    count_t count) {
    const double step = (double)clock[step_at], early = (1.0 + step) / (10.0 + step);
    const double kept = memory < early ? memory : early;
    const REAL share = (REAL)kept, rest = (REAL)(1.0 - kept);
    EACH(i, count) average[i] = average[i] * share + values[i] * rest;
}

KERNEL adam_step(REAL* parameters, const REAL* gradients, REAL* m_all, REAL* v_all, const double* rates,
                 const count_t* clock, int* healthy, count_t step_at, count_t decaying, count_t decoupled,
                 count_t count) {
    if (!healthy[0]) return;
    const Adam adam = adam_of(rates, clock[step_at], decoupled);
    EACH(i, count) {
        REAL m = m_all[i], v = v_all[i];
        if (!is_sound(parameters[i], gradients[i], healthy)) continue;
        parameters[i] = adam.step(parameters[i], gradients[i], m, v, i < (INDEX)decaying);
        m_all[i] = m;
        v_all[i] = v;
    }
}

// The same four values at a time, with the sum of w^2 before the step left for the record; `rounded` is null, or gets
// the new parameters as bfloat16. Values from `first` to `last` are left out, and `others` is null or their sum. All
// counts are multiples of 4.
KERNEL __launch_bounds__(1024) adam_step_recorded(double* history, double* partial, unsigned* ticket, REAL* parameters, const REAL* gradients,
                          REAL* m_all, REAL* v_all, bfloat* rounded, const double* rates, const count_t* clock,
                          int* healthy, count_t step_at, count_t column, count_t rows, count_t columns,
                          count_t decaying, count_t decoupled, const double* others, count_t first, count_t last,
                          count_t count) {
    const bool learns = healthy[0];
    const count_t now = clock[step_at];
    const Adam adam = adam_of(rates, now, decoupled);
    double squares = 0;
    EACH(pack, (count - (last - first)) / 4) {
        const INDEX i = pack * 4 < (INDEX)first ? pack * 4 : pack * 4 + (INDEX)(last - first);
        const bool decays = i < (INDEX)decaying;
        Pack<REAL, 4> w = load<4>(parameters + i);
        const Pack<REAL, 4> g = load<4>(gradients + i);
        Pack<REAL, 4> m = load<4>(m_all + i), v = load<4>(v_all + i);
        Pack<bfloat, 4> r;
#pragma unroll
        for (int k = 0; k < 4; k++) {
            if (decays) squares += (double)w.v[k] * (double)w.v[k];
            if (is_sound(w.v[k], g.v[k], healthy)) w.v[k] = adam.step(w.v[k], g.v[k], m.v[k], v.v[k], decays);
            r.v[k] = (bfloat)(float)w.v[k];
        }
        if (!learns) continue;
        store<4>(parameters + i, w);
        store<4>(m_all + i, m);
        store<4>(v_all + i, v);
        if (rounded) store<4>(rounded + i, r);
    }
    squares = block_sum(squares);
    if (threadIdx.x == 0) partial[blockIdx.x] = squares;
    if (!is_last(ticket, gridDim.x)) return;
    double sum = 0;
    for (unsigned i = threadIdx.x; i < gridDim.x; i += blockDim.x) sum += ((volatile double*)partial)[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) history[wrapped(now - 1, rows) * columns + column] = others ? sum + others[0] : sum;
}
