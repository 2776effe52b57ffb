/* Vectors of 16 numbers as two of AVX2, with FMA. */
#define INLINE static inline __attribute__((always_inline))

typedef struct {
    __m256 low, high;
} v16;
typedef struct {
    __m256i low, high;
} sums, factors;

#define BOTH(OF_LOW, OF_HIGH) ((v16){OF_LOW, OF_HIGH})

INLINE v16 set(float x) { return BOTH(_mm256_set1_ps(x), _mm256_set1_ps(x)); }
INLINE v16 load(const float *p) { return BOTH(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)); }
INLINE void store(float *p, v16 x) {
    _mm256_storeu_ps(p, x.low);
    _mm256_storeu_ps(p + 8, x.high);
}
INLINE v16 add(v16 a, v16 b) { return BOTH(_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)); }
INLINE v16 subtract(v16 a, v16 b) { return BOTH(_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)); }
INLINE v16 times(v16 a, v16 b) { return BOTH(_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)); }
INLINE v16 divide(v16 a, v16 b) { return BOTH(_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)); }
INLINE v16 root(v16 a) { return BOTH(_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)); }
INLINE v16 larger(v16 a, v16 b) { return BOTH(_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)); }
INLINE v16 size_of(v16 a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return BOTH(_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high));
}
INLINE v16 times_plus(v16 a, v16 b, v16 c) {
    return BOTH(_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high));
}
INLINE v16 minus_times(v16 a, v16 b, v16 c) {
    return BOTH(_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high));
}
INLINE float sum_of(v16 a) {
    __m256 eight = _mm256_add_ps(a.low, a.high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
INLINE float largest_of(v16 a) {
    __m256 eight = _mm256_max_ps(a.low, a.high);
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
INLINE v16 nearest(v16 a) {
    return BOTH(_mm256_round_ps(a.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                _mm256_round_ps(a.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
INLINE __m256 times_two_to_8(__m256 a, __m256 whole) {
    __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(whole), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent));
}
INLINE v16 times_two_to(v16 a, v16 whole) {
    return BOTH(times_two_to_8(a.low, whole.low), times_two_to_8(a.high, whole.high));
}
INLINE v16 bits_below(int32_t from, v16 a) {
    const __m256i top = _mm256_set1_epi32(from);
    return BOTH(_mm256_castsi256_ps(_mm256_sub_epi32(top, _mm256_castps_si256(a.low))),
                _mm256_castsi256_ps(_mm256_sub_epi32(top, _mm256_castps_si256(a.high))));
}
INLINE v16 with_sign_of(v16 a, v16 sign) {
    const __m256 bit = _mm256_set1_ps(-0.0f);
    return BOTH(_mm256_or_ps(a.low, _mm256_and_ps(sign.low, bit)), _mm256_or_ps(a.high, _mm256_and_ps(sign.high, bit)));
}
INLINE v16 first_or(v16 a, int64_t count, v16 other) {
    const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), top = _mm256_set1_epi32((int32_t)count);
    __m256 low = _mm256_castsi256_ps(_mm256_cmpgt_epi32(top, places));
    __m256 high = _mm256_castsi256_ps(_mm256_cmpgt_epi32(top, _mm256_add_epi32(places, _mm256_set1_epi32(8))));
    return BOTH(_mm256_blendv_ps(other.low, a.low, low), _mm256_blendv_ps(other.high, a.high, high));
}
INLINE v16 load_int8(const int8_t *p) {
    return BOTH(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p))),
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8)))));
}
/* 16 numbers of 16 bits, rounded, with ``zero`` added. */
INLINE __m256i rounded(v16 a, int32_t zero) {
    const __m256i more = _mm256_set1_epi32(zero);
    __m256i low = _mm256_add_epi32(_mm256_cvtps_epi32(a.low), more);
    __m256i high = _mm256_add_epi32(_mm256_cvtps_epi32(a.high), more);
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
}
INLINE sums negative(const int32_t *p) {
    const __m256i none = _mm256_setzero_si256();
    return (sums){_mm256_sub_epi32(none, _mm256_loadu_si256((const __m256i *)p)),
                  _mm256_sub_epi32(none, _mm256_loadu_si256((const __m256i *)(p + 8)))};
}
INLINE v16 to_float(sums s) { return BOTH(_mm256_cvtepi32_ps(s.low), _mm256_cvtepi32_ps(s.high)); }
