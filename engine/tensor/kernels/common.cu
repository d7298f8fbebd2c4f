// Put in front of every source. REAL is the number type of maps, features and weights, ACC the type that sums,
// biases and losses have with it, INDEX an integer that counts every element.

// bfloat16: the upper half of a float, rounded to nearest even. Computes as a float.
struct bfloat {
    unsigned short bits;
    bfloat() = default;
    __device__ bfloat(float value) {
        const unsigned whole = __float_as_uint(value);
        const bool is_nan = (whole & 0x7fffffffu) > 0x7f800000u;
        bits = is_nan ? (unsigned short)(whole >> 16 | 0x40) : (unsigned short)((whole + 0x7fffu + (whole >> 16 & 1)) >> 16);
    }
    __device__ operator float() const { return __uint_as_float((unsigned)bits << 16); }
};

#ifndef REAL
#define REAL float
#endif
#ifndef INDEX
#define INDEX int
#endif

typedef long long count_t;

template <class T> struct summing { typedef T type; };
template <> struct summing<bfloat> { typedef float type; };
typedef summing<REAL>::type ACC;

// N values that are loaded and stored at once.
template <class T, int N> struct alignas(sizeof(T) * N) Pack { T v[N]; };
template <int N, class T> __device__ inline Pack<T, N> load(const T* from) { return *(const Pack<T, N>*)from; }
template <int N, class T> __device__ inline void store(T* to, const Pack<T, N>& values) { *(Pack<T, N>*)to = values; }

#define INFINITE ((ACC)__longlong_as_double(0x7ff0000000000000LL))

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

// True in the block that comes here last of `blocks`, once what all of them have written is there to be read.
// The ticket is 0 before and after.
__device__ inline bool is_last(unsigned* ticket, unsigned blocks) {
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        last = atomicAdd(ticket, 1u) == blocks - 1;
        if (last) *ticket = 0;
    }
    __syncthreads();
    __threadfence();
    return last;
}

// What max pooling takes: the first of equals wins, and a NaN wins over everything, so that it is seen.
__device__ inline bool beats(ACC value, ACC best) { return value > best || (value != value && best == best); }
__device__ inline ACC rectified(ACC value) { return value <= (ACC)0 ? (ACC)0 : value; }

// Sum over a block of at most 1024 threads, always added up in the same order; every thread gets it.
__device__ inline double block_sum(double value) {
    __shared__ double parts[1024];
    __syncthreads();
    parts[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
        __syncthreads();
    }
    return parts[0];
}
