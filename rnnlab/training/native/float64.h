// tanh, exp and reciprocal for float64, within 3, 1.1 and half an ulp: right before fast.

#pragma once

#include "vectors.h"

INLINE vec reciprocal(vec d) { return one / d; }

// x = n ln 2 + r with n an integer and |r| <= ln 2 / 2.
struct Reduced {
    vec r;
    ivec n;
};

INLINE Reduced reduced(vec x) {
    const double shift = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    vec shifted = x * 1.4426950408889634 + shift;
    vec n = shifted - shift;
    // ln 2 in two parts, those of fdlibm (Sun Microsystems 1993): the first has 32 bits, so that n * part is exact.
    vec r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    return {r, (ivec)shifted - (ivec)all(shift)};  // for NaN a conversion of n would be undefined
}

// eʳ - 1 for |r| <= ln 2 / 2 by Taylor's series to r¹³/13!: what is left out is below 5e-18 of eʳ, and 1e-17 of eʳ - 1.
INLINE vec series_of_expm1(vec r) {
    const double inverse_factorials[] = {1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880,
                                         1.0 / 40320,     1.0 / 5040,     1.0 / 720,     1.0 / 120,
                                         1.0 / 24,        1.0 / 6,        1.0 / 2};
    vec p = all(1.0 / 6227020800);
    UNROLLED (k, 11) p = p * r + inverse_factorials[k];
    return p * (r * r) + r;
}

INLINE vec power_of_two(ivec n) { return (vec)((n + 1023) << 52); }  // for -1022 <= n <= 1023

// tanh |x| = -e / (2 + e) with e = exp(-2|x|) - 1 = (2ⁿ - 1) + 2ⁿ (eʳ - 1), in which nothing cancels. From 20 on it
// is 1.
INLINE vec vtanh(vec x) {
    const ivec sign = (ivec)x & INT64_MIN;
    vec magnitude = smaller((vec)((ivec)x ^ sign), all(20.0));
    auto [r, n] = reduced(magnitude * -2.0);
    vec e = (power_of_two(n) - one) + power_of_two(n) * series_of_expm1(r);
    return (vec)(((ivec)(e / (e + 2.0)) & INT64_MAX) | sign);
}

// The power of two is made in two factors, so that results below 2^-1022 and up to the largest double are right.
INLINE vec vexp(vec x) {
    auto [r, n] = reduced(larger(smaller(x, all(710.0)), all(-746.0)));
    ivec half = n >> 1;
    return (series_of_expm1(r) + one) * power_of_two(half) * power_of_two(n - half);
}
