// Adam's step of a single weight, for kernels that update. Rates are read on the device: places in them are learning
// rate, weight decay, beta1, beta2, epsilon, momentum.

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
