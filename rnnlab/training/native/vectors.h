// Vectors of reals by the compiler's own extension (GCC, Clang), and what is done to them whatever the precision.
//
// PRECISION (32 or 64 bits of a real) and VECTOR_BYTES come from the build, a pair of values for each kernel.
// Everything here has internal linkage: the same names are compiled several times under different options, and must
// never be merged by the linker.

#pragma once

#include <cstdint>
#include <limits>

#define INLINE static inline __attribute__((always_inline))

// for (int i = 0; i < count; i++), of a constant number of turns, 16 at most: without a loop, so that its vectors stay
// in registers.
#if defined(__clang__)
#define UNROLLED(i, count) _Pragma("clang loop unroll(full)") for (int i = 0; i < count; i++)
#else
#define UNROLLED(i, count) _Pragma("GCC unroll 16") for (int i = 0; i < count; i++)
#endif

#if PRECISION == 64
using real = double;
using integer = int64_t;   // as wide as a real
using wide = long double;  // no square of a real is beyond its range
#else
using real = float;
using integer = int32_t;
using wide = double;
#endif

constexpr int kLanes = VECTOR_BYTES / sizeof(real);  // reals of a vector
constexpr real one = 1, infinity = std::numeric_limits<real>::infinity();

typedef real vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef integer ivec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

INLINE vec load(const real *p) { return *reinterpret_cast<const vec *>(p); }
INLINE void store(real *p, vec x) { *reinterpret_cast<vec *>(p) = x; }
INLINE vec all(real x) { return x - vec{}; }
INLINE vec smaller(vec x, vec y) { return y < x ? y : x; }  // x where either is NaN
INLINE vec larger(vec x, vec y) { return y > x ? y : x; }   // x where either is NaN

INLINE float root(float x) { return __builtin_sqrtf(x); }
INLINE double root(double x) { return __builtin_sqrt(x); }
INLINE long double root(long double x) { return __builtin_sqrtl(x); }

// The first `count` numbers of x, and zero in place of the others, whatever they are.
INLINE vec first_of(vec x, int64_t count) {
    ivec place;
    for (int i = 0; i < kLanes; i++) place[i] = i;
    return place < static_cast<integer>(count) ? x : vec{};
}

// x₀ y₀ x₁ y₁ ... of the lower halves, and of the upper halves.
#if 8 * VECTOR_BYTES / PRECISION == 16
#define LOW_PAIRS 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_PAIRS 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif 8 * VECTOR_BYTES / PRECISION == 8
#define LOW_PAIRS 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_PAIRS 4, 12, 5, 13, 6, 14, 7, 15
#elif 8 * VECTOR_BYTES / PRECISION == 4
#define LOW_PAIRS 0, 4, 1, 5
#define HIGH_PAIRS 2, 6, 3, 7
#else
#define LOW_PAIRS 0, 2
#define HIGH_PAIRS 1, 3
#endif
INLINE vec low_pairs(vec x, vec y) { return __builtin_shufflevector(x, y, LOW_PAIRS); }
INLINE vec high_pairs(vec x, vec y) { return __builtin_shufflevector(x, y, HIGH_PAIRS); }

// The square block of kLanes rows at `from` is written to `to` with rows and columns exchanged.
INLINE void transpose_block(const real *from, int64_t from_row, real *to, int64_t to_row) {
    vec a[kLanes], b[kLanes];
    for (int i = 0; i < kLanes; i++) a[i] = load(from + i * from_row);
    // Each round pairs row i with row i + kLanes/2, number by number; after log2 kLanes rounds rows have become
    // columns.
    for (int round = 1; round < kLanes; round *= 2) {
        for (int i = 0; i < kLanes / 2; i++) {
            b[2 * i] = low_pairs(a[i], a[i + kLanes / 2]);
            b[2 * i + 1] = high_pairs(a[i], a[i + kLanes / 2]);
        }
        for (int i = 0; i < kLanes; i++) a[i] = b[i];
    }
    for (int i = 0; i < kLanes; i++) store(to + i * to_row, a[i]);
}

// The sums of kLanes vectors, as one vector in their order.
INLINE vec sums_of(vec a[kLanes]) {
    for (int count = kLanes / 2; count; count /= 2)
        for (int i = 0; i < count; i++) a[i] = low_pairs(a[i], a[i + count]) + high_pairs(a[i], a[i + count]);
    return a[0];
}
