// The functions of numbers that nets need, in the kernel's precision.

#pragma once

#if PRECISION == 64
#include "float64.h"
#else
#include "float32.h"
#endif

// 1 / (1 + e⁻ˣ), by e^-|x| so that small results keep their digits.
INLINE vec vsigmoid(vec x) {
    constexpr integer sign = std::numeric_limits<integer>::min();  // the bit of the sign alone
    vec e = vexp((vec)((ivec)x | sign));
    vec r = reciprocal(one + e);
    return x < vec{} ? e * r : r;
}
