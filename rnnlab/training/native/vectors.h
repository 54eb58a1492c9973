// Vectors of W floats by the compiler's own extension (GCC, Clang), and the functions of numbers that nets need.
//
// VECTOR_BYTES comes from the build, one value for each instruction set. Everything here has internal linkage: the same
// names are compiled several times under different options, and must never be merged by the linker.

#pragma once

#include <cstdint>

#define INLINE static inline __attribute__((always_inline))

// Before a loop of a constant number of turns, 16 at most: without loops, so that its vectors stay in registers.
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

static const int W = VECTOR_BYTES / sizeof(float);

typedef float vec __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

INLINE vec load(const float *p) { return *(const vec *)p; }
INLINE void store(float *p, vec x) { *(vec *)p = x; }
INLINE vec all(float x) { return x - vec{}; }
INLINE vec smaller(vec x, vec y) { return y < x ? y : x; }  // x where either is NaN
INLINE vec larger(vec x, vec y) { return y > x ? y : x; }   // x where either is NaN

// The first `count` numbers of x, and zero in place of the others, whatever they are.
INLINE vec first_of(vec x, int64_t count) {
    ivec place;
    for (int i = 0; i < W; i++) place[i] = i;
    return place < (int32_t)count ? x : vec{};
}

// x₀ y₀ x₁ y₁ ... of the lower halves, and of the upper halves.
#if VECTOR_BYTES == 64
#define LOW_PAIRS 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_PAIRS 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif VECTOR_BYTES == 32
#define LOW_PAIRS 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_PAIRS 4, 12, 5, 13, 6, 14, 7, 15
#else
#define LOW_PAIRS 0, 4, 1, 5
#define HIGH_PAIRS 2, 6, 3, 7
#endif
INLINE vec low_pairs(vec x, vec y) { return __builtin_shufflevector(x, y, LOW_PAIRS); }
INLINE vec high_pairs(vec x, vec y) { return __builtin_shufflevector(x, y, HIGH_PAIRS); }

// 1 / d to the last bit but one, for d from 2^-100 to 2^100: an estimate of 12 % from the bits of d, then two steps of
// third order, r ← r (1 + e + e²) with e = 1 - d r. A division takes four times as long.
INLINE vec reciprocal(vec d) {
    vec r = (vec)(0x7EF311C3 - (ivec)d);
    vec e = 1.0f - d * r;
    r += r * (e + e * e);
    e = 1.0f - d * r;
    return r + r * (e + e * e);
}

// tanh x as x P(x²) / Q(x²), fitted to a relative error of 2.4e-8 up to 9.011, from where tanh is 1 in float32; at 9.5
// the quotient is beyond 1 for certain. Odd, exact at ±0.
INLINE vec vtanh(vec x) {
    x = larger(smaller(x, all(9.5f)), all(-9.5f));
    vec s = x * x;
    vec p = s * 1.34014071e-08f + 2.06474251e-05f;
    vec q = s * 7.79700713e-07f + 3.28965281e-04f;
    p = p * s + 3.49814794e-03f;
    q = q * s + 2.58869845e-02f;
    p = p * s + 1.33832678e-01f;
    q = q * s + 4.67165887e-01f;
    vec y = (p * s * x + x) * reciprocal(q * s + 1.0f);
    return larger(smaller(y, all(1.0f)), all(-1.0f));
}

// eˣ = 2ⁿ eʳ with n = round(x / ln 2) and |r| <= ln 2 / 2. The power of two is made in two factors, so that results
// below 2^-126 and up to the largest float are right.
INLINE vec vexp(vec x) {
    const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    x = larger(smaller(x, all(89.0f)), all(-104.0f));
    vec shifted = x * 1.44269504089f + shift;
    vec n = shifted - shift;
    vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;  // ln 2 in two parts, the first exact in n * part
    vec p = all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    ivec whole = (ivec)shifted - (ivec)all(shift), half = whole >> 1;  // for NaN a conversion of n would be undefined
    return p * (vec)((half + 127) << 23) * (vec)((whole - half + 127) << 23);
}

// 1 / (1 + e⁻ˣ), by e^-|x| so that small results keep their digits.
INLINE vec vsigmoid(vec x) {
    vec e = vexp((vec)((ivec)x | INT32_MIN));
    vec r = reciprocal(1.0f + e);
    return x < 0.0f ? e * r : r;
}

// The W x W block at `from` is written to `to` with rows and columns exchanged.
INLINE void transpose_block(const float *from, int64_t from_row, float *to, int64_t to_row) {
    vec a[W], b[W];
    for (int i = 0; i < W; i++) a[i] = load(from + i * from_row);
    // Each round pairs row i with row i + W/2, number by number; after log2 W rounds rows have become columns.
    for (int round = 1; round < W; round *= 2) {
        for (int i = 0; i < W / 2; i++) {
            b[2 * i] = low_pairs(a[i], a[i + W / 2]);
            b[2 * i + 1] = high_pairs(a[i], a[i + W / 2]);
        }
        for (int i = 0; i < W; i++) a[i] = b[i];
    }
    for (int i = 0; i < W; i++) store(to + i * to_row, a[i]);
}

// The sums of W vectors, as one vector in their order.
INLINE vec sums_of(vec a[W]) {
    for (int count = W / 2; count; count /= 2)
        for (int i = 0; i < count; i++) a[i] = low_pairs(a[i], a[i + count]) + high_pairs(a[i], a[i + count]);
    return a[0];
}
