/* AVX-VNNI: the integer products of AVX-512 VNNI in 256 bits. */
#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC target("avx2,fma")
#include <immintrin.h>
#include <string.h>

#include "kernel.h"
#include "vectors_256.h"

#define THIS finsent_avxvnni
#define NAME "avxvnni"
#define ROWS 6 /* 6 x 2 sums of 16 registers */
#define VECTORS 1
#define TOGETHER 2
enum { K_GROUP = 4, ZERO = 0 };
typedef uint8_t activation;

INLINE void store_rounded(activation *to, v16 a, int32_t zero) {
    __m256i wide = rounded(a, zero);
    _mm_storeu_si128((__m128i *)to, _mm_packus_epi16(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1)));
}
INLINE factors load_weights(const int8_t *p) {
    return (factors){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32))};
}
INLINE __m256i repeat(const activation *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}
/* In assembly, because a compiler that knows no AVX-VNNI compiles this too, and gcc 12 makes copies of the sum. */
#define ADD_PRODUCTS(sum, x, weights)                                                                                 \
    do {                                                                                                              \
        __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"((sum).low) : "x"(x), "x"((weights).low));                          \
        __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"((sum).high) : "x"(x), "x"((weights).high));                        \
    } while (0)
#define REPEATED __m256i

#include "algorithm.h"
#else
typedef int nothing_for_this_processor;
#endif
