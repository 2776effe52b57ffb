/* Arm's NEON with its dot product of signed numbers, so activations are kept with 128 taken off. */
#if defined(__aarch64__) && defined(__GNUC__)
#ifndef __ARM_FEATURE_DOTPROD
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif
#include <arm_neon.h>
#include <string.h>

#include "kernel.h"

#define INLINE static inline __attribute__((always_inline))
#define THIS finsent_neon
#define NAME "neon"
#define ROWS 6 /* 6 x 4 sums of 32 registers */
#define VECTORS 1
#define TOGETHER 2
enum { K_GROUP = 4, ZERO = 128 };

typedef struct {
    float32x4_t part[4];
} v16;
typedef struct {
    int32x4_t part[4];
} sums;
typedef struct {
    int8x16_t part[4];
} factors;
typedef int8_t activation;
#define REPEATED int8x16_t

#define EACH(EXPRESSION)                                                                                              \
    v16 y;                                                                                                            \
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) y.part[i] = EXPRESSION;                                       \
    return y

INLINE v16 set(float x) { EACH(vdupq_n_f32(x)); }
INLINE v16 load(const float *p) { EACH(vld1q_f32(p + 4 * i)); }
INLINE void store(float *p, v16 x) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, x.part[i]);
}
INLINE v16 add(v16 a, v16 b) { EACH(vaddq_f32(a.part[i], b.part[i])); }
INLINE v16 subtract(v16 a, v16 b) { EACH(vsubq_f32(a.part[i], b.part[i])); }
INLINE v16 times(v16 a, v16 b) { EACH(vmulq_f32(a.part[i], b.part[i])); }
INLINE v16 divide(v16 a, v16 b) { EACH(vdivq_f32(a.part[i], b.part[i])); }
INLINE v16 root(v16 a) { EACH(vsqrtq_f32(a.part[i])); }
INLINE v16 larger(v16 a, v16 b) { EACH(vmaxq_f32(a.part[i], b.part[i])); }
INLINE v16 size_of(v16 a) { EACH(vabsq_f32(a.part[i])); }
INLINE v16 times_plus(v16 a, v16 b, v16 c) { EACH(vfmaq_f32(c.part[i], a.part[i], b.part[i])); }
INLINE v16 minus_times(v16 a, v16 b, v16 c) { EACH(vfmsq_f32(c.part[i], a.part[i], b.part[i])); }
INLINE v16 nearest(v16 a) { EACH(vrndnq_f32(a.part[i])); }
/* Halves, quarters and so on, as with the other sets: an order of its own would round otherwise. */
INLINE float sum_of(v16 a) {
    float32x4_t four = vaddq_f32(vaddq_f32(a.part[0], a.part[2]), vaddq_f32(a.part[1], a.part[3]));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
INLINE float largest_of(v16 a) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.part[0], a.part[2]), vmaxq_f32(a.part[1], a.part[3])));
}
INLINE v16 times_two_to(v16 a, v16 whole) {
    EACH(vreinterpretq_f32_s32(
        vaddq_s32(vreinterpretq_s32_f32(a.part[i]), vshlq_n_s32(vcvtnq_s32_f32(whole.part[i]), 23))));
}
INLINE v16 bits_below(int32_t from, v16 a) {
    EACH(vreinterpretq_f32_s32(vsubq_s32(vdupq_n_s32(from), vreinterpretq_s32_f32(a.part[i]))));
}
INLINE v16 with_sign_of(v16 a, v16 sign) { EACH(vbslq_f32(vdupq_n_u32(0x80000000u), sign.part[i], a.part[i])); }
INLINE v16 first_or(v16 a, int64_t count, v16 other) {
    static const int32_t places[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    EACH(vbslq_f32(vcgtq_s32(vdupq_n_s32((int32_t)count), vld1q_s32(places + 4 * i)), a.part[i], other.part[i]));
}
INLINE v16 load_int8(const int8_t *p) {
    int16x8_t wide[2] = {vmovl_s8(vld1_s8(p)), vmovl_s8(vld1_s8(p + 8))};
    EACH(vcvtq_f32_s32(vmovl_s16(i % 2 ? vget_high_s16(wide[i / 2]) : vget_low_s16(wide[i / 2]))));
}
INLINE void store_rounded(activation *to, v16 a, int32_t zero) {
    int16x4_t part[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) part[i] = vqmovn_s32(vaddq_s32(vcvtnq_s32_f32(a.part[i]), vdupq_n_s32(zero - ZERO)));
    vst1q_s8(to, vcombine_s8(vqmovn_s16(vcombine_s16(part[0], part[1])), vqmovn_s16(vcombine_s16(part[2], part[3]))));
}

INLINE sums negative(const int32_t *p) {
    sums y;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) y.part[i] = vnegq_s32(vld1q_s32(p + 4 * i));
    return y;
}
INLINE v16 to_float(sums s) { EACH(vcvtq_f32_s32(s.part[i])); }
INLINE factors load_weights(const int8_t *p) {
    factors y;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) y.part[i] = vld1q_s8(p + 16 * i);
    return y;
}
INLINE int8x16_t repeat(const activation *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}
#define ADD_PRODUCTS(sum, x, weights)                                                                                 \
    _Pragma("GCC unroll 4") for (int part = 0; part < 4; part++)(sum).part[part] =                                    \
        vdotq_s32((sum).part[part], (weights).part[part], x)

#include "algorithm.h"
#else
typedef int nothing_for_this_processor;
#endif
