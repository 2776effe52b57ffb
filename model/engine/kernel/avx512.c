/* AVX-512 with VNNI. */
#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")
#include <immintrin.h>
#include <string.h>

#include "kernel.h"

#define INLINE static inline __attribute__((always_inline))
#define THIS finsent_avx512
#define NAME "avx512"
#define ROWS 12 /* 12 x 2 sums of 32 registers */
#define VECTORS 2
#define TOGETHER 4
enum { K_GROUP = 4, ZERO = 0 };

typedef __m512 v16;
typedef __m512i sums, factors;
typedef uint8_t activation;
#define REPEATED factors

INLINE v16 set(float x) { return _mm512_set1_ps(x); }
INLINE v16 load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void store(float *p, v16 x) { _mm512_storeu_ps(p, x); }
INLINE v16 add(v16 a, v16 b) { return _mm512_add_ps(a, b); }
INLINE v16 subtract(v16 a, v16 b) { return _mm512_sub_ps(a, b); }
INLINE v16 times(v16 a, v16 b) { return _mm512_mul_ps(a, b); }
INLINE v16 divide(v16 a, v16 b) { return _mm512_div_ps(a, b); }
INLINE v16 root(v16 a) { return _mm512_sqrt_ps(a); }
INLINE v16 larger(v16 a, v16 b) { return _mm512_max_ps(a, b); }
INLINE v16 size_of(v16 a) { return _mm512_abs_ps(a); }
INLINE v16 times_plus(v16 a, v16 b, v16 c) { return _mm512_fmadd_ps(a, b, c); }
INLINE v16 minus_times(v16 a, v16 b, v16 c) { return _mm512_fnmadd_ps(a, b, c); }
INLINE float sum_of(v16 a) { return _mm512_reduce_add_ps(a); }
INLINE float largest_of(v16 a) { return _mm512_reduce_max_ps(a); }
INLINE v16 nearest(v16 a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE v16 times_two_to(v16 a, v16 whole) { return _mm512_scalef_ps(a, whole); }
INLINE v16 bits_below(int32_t from, v16 a) {
    return _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_set1_epi32(from), _mm512_castps_si512(a)));
}
INLINE v16 with_sign_of(v16 a, v16 sign) {
    return _mm512_or_ps(a, _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)));
}
INLINE v16 first_or(v16 a, int64_t count, v16 other) {
    return _mm512_mask_blend_ps((__mmask16)(0xffffu >> (LANES - count)), other, a);
}
INLINE v16 load_int8(const int8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
INLINE void store_rounded(activation *to, v16 a, int32_t zero) {
    __m512i whole = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(zero));
    _mm_storeu_si128((__m128i *)to, _mm512_cvtusepi32_epi8(whole));
}

INLINE sums negative(const int32_t *p) { return _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_loadu_si512(p)); }
INLINE v16 to_float(sums s) { return _mm512_cvtepi32_ps(s); }
INLINE factors load_weights(const int8_t *p) { return _mm512_loadu_si512(p); }
INLINE factors repeat(const activation *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}
/* _mm512_dpbusd_epi32, of which gcc 12 makes copies of the sum. */
#define ADD_PRODUCTS(sum, x, weights) __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(weights))

#include "algorithm.h"
#else
typedef int nothing_for_this_processor;
#endif
