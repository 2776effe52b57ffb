/* AVX2 with FMA. Activations are kept in 16 bits and weights are widened to 16 bits as they are read: vpmaddwd then gives
 * exact sums. vpmaddubsw, of 8 bits, would saturate. */
#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC target("avx2,fma")
#include <immintrin.h>
#include <string.h>

#include "kernel.h"
#include "vectors_256.h"

#define THIS finsent_avx2
#define NAME "avx2"
#define ROWS 6 /* 6 x 2 sums of 16 registers */
#define VECTORS 1
#define TOGETHER 2
enum { K_GROUP = 2, ZERO = 0 };
typedef uint16_t activation;

INLINE void store_rounded(activation *to, v16 a, int32_t zero) {
    _mm256_storeu_si256((__m256i *)to, rounded(a, zero));
}
INLINE factors load_weights(const int8_t *p) {
    return (factors){_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)),
                     _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p + 16)))};
}
INLINE __m256i repeat(const activation *p) {
    int32_t two;
    memcpy(&two, p, 4);
    return _mm256_set1_epi32(two);
}
#define ADD_PRODUCTS(sum, x, weights)                                                                                 \
    do {                                                                                                              \
        (sum).low = _mm256_add_epi32((sum).low, _mm256_madd_epi16(x, (weights).low));                                 \
        (sum).high = _mm256_add_epi32((sum).high, _mm256_madd_epi16(x, (weights).high));                              \
    } while (0)
#define REPEATED __m256i

#include "algorithm.h"
#else
typedef int nothing_for_this_processor;
#endif
