// Learning rules over flat arenas, one pass. Rates, clock and health are read on the device: places in rates are
// learning rate, weight decay, beta1, beta2, epsilon, momentum.

KERNEL sgd_step(REAL* parameters, const REAL* gradients, REAL* velocity, const double* rates, const int* healthy,
                count_t decaying, count_t nesterov, count_t count) {
    if (!healthy[0]) return;
    const REAL rate = (REAL)rates[0], decay = (REAL)rates[1], momentum = (REAL)rates[5];
    EACH(i, count) {
        REAL w = parameters[i], g = gradients[i];
        if (i < (INDEX)decaying) g = g + decay * w;
        if (velocity) {
            const REAL v = velocity[i] * momentum + g;
            velocity[i] = v;
            g = nesterov ? g + momentum * v : v;
        }
        parameters[i] = w - rate * g;
    }
}

KERNEL adam_step(REAL* parameters, const REAL* gradients, REAL* m_all, REAL* v_all, const double* rates,
                 const count_t* clock, const int* healthy, count_t step_at, count_t decaying, count_t decoupled,
                 count_t count) {
    if (!healthy[0]) return;
    __shared__ REAL shared[3];
    if (threadIdx.x == 0) {
        const double step = (double)clock[step_at];
        shared[0] = (REAL)(1.0 / sqrt(1.0 - pow(rates[3], step)));
        shared[1] = (REAL)(rates[0] / (1.0 - pow(rates[2], step)));
        shared[2] = (REAL)(1.0 - rates[0] * rates[1]);
    }
    __syncthreads();
    const REAL root_factor = shared[0], rate = shared[1], shrink = shared[2];
    const REAL decay = (REAL)rates[1], epsilon = (REAL)rates[4];
    const REAL beta1 = (REAL)rates[2], rest1 = (REAL)(1.0 - rates[2]);
    const REAL beta2 = (REAL)rates[3], rest2 = (REAL)(1.0 - rates[3]);
    EACH(i, count) {
        REAL w = parameters[i], g = gradients[i];
        const bool decays = i < (INDEX)decaying;
        if (decays && !decoupled) g = g + decay * w;
        const REAL m = m_all[i] * beta1 + g * rest1;
        const REAL v = v_all[i] * beta2 + (g * g) * rest2;
        m_all[i] = m;
        v_all[i] = v;
        if (decays && decoupled) w = w * shrink;
        parameters[i] = w - m / (sqrt(v) * root_factor + epsilon) * rate;
    }
}
