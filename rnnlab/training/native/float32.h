// tanh and exp for float32, within 7.2 and 1.1 ulp, and a reciprocal. tests/training/fit_functions.py fits the
// constants again and measures the errors that are stated here.

#pragma once

#include "vectors.h"

// 1 / d for d from 2^-100 to 2^100, within 1.4 ulp, with FMA within 0.51: an estimate from the bits of d, off by 5.1 %
// at most, then two steps of third order, r ← r (1 + e + e²) with e = 1 - d r, the first to 1.3e-4, the second to
// rounding, for which its e² is needed. A division takes four times as long.
INLINE vec reciprocal(vec d) {
    // Unsigned, since an int would overflow for a negative NaN.
    typedef uint32_t bits __attribute__((vector_size(VECTOR_BYTES)));
    vec r = (vec)(0x7EF311C3u - (bits)d);
    vec e = one - d * r;
    r += r * (e + e * e);
    e = one - d * r;
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
    vec y = (p * s * x + x) * reciprocal(q * s + one);
    return larger(smaller(y, all(1.0f)), all(-1.0f));
}

// eˣ = 2ⁿ eʳ with n = round(x / ln 2) and |r| <= ln 2 / 2; the polynomial and the two parts of ln 2 are those of expf
// in Cephes (Moshier). The power of two is made in two factors, so that results below 2^-126 and up to the largest
// float are right.
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
