// Put in front of every source. REAL is the number type, INDEX an integer that counts every element.
#ifndef REAL
#define REAL float
#endif
#ifndef INDEX
#define INDEX int
#endif

typedef long long count_t;

#define INFINITE ((REAL)__longlong_as_double(0x7ff0000000000000LL))

#define KERNEL extern "C" __global__ void

#define EACH(i, count)                                                                    \
    for (INDEX i = (INDEX)blockIdx.x * (INDEX)blockDim.x + (INDEX)threadIdx.x;            \
         i < (INDEX)(count); i += (INDEX)gridDim.x * (INDEX)blockDim.x)

// Codes of the types that small device-side vectors may have.
enum { UINT8, INT32, INT64, FLOAT32, FLOAT64 };

__device__ inline double read_number(const void* values, int type, count_t i) {
    switch (type) {
        case FLOAT32: return ((const float*)values)[i];
        case FLOAT64: return ((const double*)values)[i];
        case UINT8: return ((const unsigned char*)values)[i];
        case INT32: return ((const int*)values)[i];
        default: return (double)((const count_t*)values)[i];
    }
}

__device__ inline count_t read_integer(const void* values, int type, count_t i) {
    switch (type) {
        case UINT8: return ((const unsigned char*)values)[i];
        case INT32: return ((const int*)values)[i];
        default: return ((const count_t*)values)[i];
    }
}

// The remainder that is never negative.
__device__ inline count_t wrapped(count_t value, count_t size) {
    count_t rest = value % size;
    return rest < 0 ? rest + size : rest;
}

// Sum over a block of at most 256 threads, always added up in the same order; every thread gets it.
__device__ inline double block_sum(double value) {
    __shared__ double parts[256];
    __syncthreads();
    parts[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
        __syncthreads();
    }
    return parts[0];
}
