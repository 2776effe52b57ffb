/* The encoder of model/graph.py for processors with AVX-512 VNNI: the same network, weights and rounding to int8, but
 * what lies between two matrix products is done while the numbers are still in the cache.
 *
 * No sum runs over more than one text, and none depends on where a text stands: products of int8 are exact, and all
 * else is computed token by token or text by text. So a text scores the same bits in any batch.
 */
#include <stdint.h>
#include <string.h>

/* VERSION where this processor has what the functions below use, else 0. It changes with the interface, and stands in
 * native.py as well: a library of other sources must not be run. */
enum { VERSION = 3 };
int finsent_kernel(void);

#if defined(__x86_64__) && defined(__GNUC__)

int finsent_kernel(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma")
               ? VERSION
               : 0;
}

#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")
#include <immintrin.h>

typedef __m512 v16;
#define INLINE static inline __attribute__((always_inline))

enum {
    ROWS = 12,    /* of one tile of a product: 12 x 2 sums fill the registers */
    COLUMNS = 32,
    LANES = 16,
    GROUP = 96,   /* tokens, and the rest of the last text, that go through a layer together */
    MOST = 512    /* tokens of a text */
};

typedef struct {
    const int8_t *weight;        /* [n / 32][k / 4][32][4] */
    const int32_t *compensation; /* [n]: what adding 128 to all activations adds to each sum */
    const float *scale;          /* [n] */
    const float *bias;           /* [n] */
    int64_t k, n;
} Linear;

typedef struct {
    Linear qkv, out, up, down;
    const float *norm1, *shift1, *norm2, *shift2; /* [hidden] */
} Layer;

typedef struct {
    const int8_t *words; /* [vocabulary][hidden] */
    const float *word_scale;
    const float *positions, *types; /* [..][hidden] */
    const float *norm, *shift;
    const float *center;                /* [hidden], or NULL */
    const float *dense, *dense_bias;    /* [hidden][hidden] (from, to) and [hidden], or NULL */
    const float *head, *head_bias;      /* [hidden (with dense) or 2 * hidden][3] and [3] */
    const Layer *layers;
    int64_t count, hidden, heads, inner;
    float epsilon;
} Network;

INLINE v16 set(float x) { return _mm512_set1_ps(x); }
INLINE v16 load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void store(float *p, v16 x) { _mm512_storeu_ps(p, x); }

/* 2 to the power of x, off by 3e-6 of itself; 0 where x is far below 0. */
INLINE v16 power(v16 x) {
    v16 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), r = _mm512_sub_ps(x, n);
    v16 p = set(9.57006182e-3f);
    p = _mm512_fmadd_ps(p, r, set(5.59178789e-2f));
    p = _mm512_fmadd_ps(p, r, set(2.40247458e-1f));
    p = _mm512_fmadd_ps(p, r, set(6.93121813e-1f));
    p = _mm512_fmadd_ps(p, r, set(0.999999261f));
    return _mm512_scalef_ps(p, n);
}

/* GELU, off by 3e-5 of x at most, while int8 moves what comes out of it by a hundred times as much: the error function
 * as in Abramowitz and Stegun 7.1.25. */
INLINE v16 gelu(v16 x) {
    v16 size = _mm512_abs_ps(x);
    v16 t = _mm512_rcp14_ps(_mm512_fmadd_ps(size, set(0.47047f * 0.70710678f), set(1.0f)));
    v16 p = _mm512_fmadd_ps(t, set(0.7478556f / 2), set(-0.0958798f / 2));
    p = _mm512_mul_ps(_mm512_fmadd_ps(p, t, set(0.3480242f / 2)), t);
    v16 fall = power(_mm512_mul_ps(_mm512_mul_ps(x, set(-0.72134752f)), x));
    return _mm512_fnmadd_ps(_mm512_mul_ps(p, size), fall, _mm512_max_ps(x, set(0.0f)));
}

/* _mm512_dpbusd_epi32, of which gcc 12 makes copies of the sum. */
#define MULTIPLY(sum, x, weights) __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(weights))

enum Then { PLAIN, GELU, RESIDUAL };

/* Rows [rows <= ROWS] times COLUMNS columns, and what follows. */
INLINE void tile(const int rows, const enum Then then, const uint8_t *restrict a, const float *row_scale,
                 const Linear *w, int64_t column, float *restrict y, float *restrict most) {
    __m512i sum[ROWS][2];
    const int64_t k = w->k, n = w->n;
    const int8_t *b = w->weight + column * k;
    __m512i left = _mm512_loadu_si512(w->compensation + column);
    __m512i right = _mm512_loadu_si512(w->compensation + column + LANES);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        sum[r][0] = _mm512_sub_epi32(_mm512_setzero_si512(), left);
        sum[r][1] = _mm512_sub_epi32(_mm512_setzero_si512(), right);
    }
    for (int64_t i = 0; i < k; i += 4) {
        __m512i b0 = _mm512_loadu_si512(b + i * COLUMNS), b1 = _mm512_loadu_si512(b + i * COLUMNS + 64);
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, a + r * k + i, 4);
            __m512i x = _mm512_set1_epi32(four);
            MULTIPLY(sum[r][0], x, b0);
            MULTIPLY(sum[r][1], x, b1);
        }
    }
    v16 s0 = load(w->scale + column), s1 = load(w->scale + column + LANES);
    v16 c0 = load(w->bias + column), c1 = load(w->bias + column + LANES);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        v16 of = set(row_scale[r]);
        v16 p = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][0]), of), s0, c0);
        v16 q = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][1]), of), s1, c1);
        float *at = y + r * n + column;
        if (then == GELU) {
            p = gelu(p);
            q = gelu(q);
            float *m = most + r * LANES;
            store(m, _mm512_max_ps(load(m), _mm512_max_ps(p, q)));
        }
        if (then == RESIDUAL) {
            p = _mm512_add_ps(p, load(at));
            q = _mm512_add_ps(q, load(at + LANES));
        }
        store(at, p);
        store(at + LANES, q);
    }
}

#define CASE(ROWS_LEFT, THEN)                                                                                         \
    case ROWS_LEFT:                                                                                                   \
        tile(ROWS_LEFT, THEN, a, row_scale, w, column, y, most);                                                      \
        break;
#define TILES(THEN)                                                                                                   \
    static void tile_##THEN(int64_t rows, const uint8_t *a, const float *row_scale, const Linear *w, int64_t column,  \
                            float *y, float *most) {                                                                  \
        switch (rows) {                                                                                               \
            CASE(1, THEN) CASE(2, THEN) CASE(3, THEN) CASE(4, THEN) CASE(5, THEN) CASE(6, THEN) CASE(7, THEN)         \
            CASE(8, THEN) CASE(9, THEN) CASE(10, THEN) CASE(11, THEN) CASE(12, THEN)                                  \
        }                                                                                                             \
    }                                                                                                                 \
    static void product_##THEN(const uint8_t *a, const float *row_scale, int64_t rows, const Linear *w, float *y,     \
                               float *most) {                                                                         \
        const int64_t blocks = (rows + ROWS - 1) / ROWS;                                                              \
        for (int64_t column = 0; column < w->n; column += COLUMNS)                                                    \
            for (int64_t i = 0, r = 0; i < blocks; i++) {                                                             \
                const int64_t end = (i + 1) * rows / blocks; /* even blocks: small ones are slow */                   \
                tile_##THEN(end - r, a + r * w->k, row_scale + r, w, column, y + r * w->n, most + r * LANES);         \
                r = end;                                                                                              \
            }                                                                                                         \
    }
TILES(PLAIN)
TILES(GELU)
TILES(RESIDUAL)

INLINE void quantise(const float *x, int64_t n, float largest, uint8_t *q, float *scale) {
    largest = largest > 1e-8f ? largest : 1e-8f;
    *scale = largest / 127.0f;
    v16 by = set(127.0f / largest);
    for (int64_t i = 0; i < n; i += LANES) {
        __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(load(x + i), by));
        whole = _mm512_add_epi32(whole, _mm512_set1_epi32(128));
        _mm_storeu_si128((__m128i *)(q + i), _mm512_cvtusepi32_epi8(whole));
    }
}

/* GELU is nowhere below -0.17, so what comes out of it is stored with 0.17 added, in all of 0 to 255: half the error of
 * a range that is symmetric about 0. The bias of the next product takes the 0.17 off again. */
INLINE void quantise_gelu(const float *x, int64_t n, float largest, uint8_t *q, float *scale) {
    *scale = (largest + 0.17f) / 255.0f;
    v16 by = set(255.0f / (largest + 0.17f)), least = _mm512_mul_ps(by, set(0.17f));
    for (int64_t i = 0; i < n; i += LANES) {
        __m512i whole = _mm512_cvtps_epi32(_mm512_fmadd_ps(load(x + i), by, least));
        _mm_storeu_si128((__m128i *)(q + i), _mm512_cvtusepi32_epi8(whole));
    }
}

INLINE void quantise_row(const float *x, int64_t n, uint8_t *q, float *scale) {
    v16 most = set(0.0f);
    for (int64_t i = 0; i < n; i += LANES) most = _mm512_max_ps(most, _mm512_abs_ps(load(x + i)));
    quantise(x, n, _mm512_reduce_max_ps(most), q, scale);
}

/* In place, and quantised. */
static void normalise(float *x, int64_t rows, int64_t n, const float *weight, const float *shift, float epsilon,
                      uint8_t *q, float *scale) {
    for (int64_t r = 0; r < rows; r++, x += n, q += n) {
        v16 sum = set(0.0f), squares = set(0.0f), most = set(0.0f);
        for (int64_t i = 0; i < n; i += LANES) sum = _mm512_add_ps(sum, load(x + i));
        v16 mean = set(_mm512_reduce_add_ps(sum) / (float)n);
        for (int64_t i = 0; i < n; i += LANES) {
            v16 d = _mm512_sub_ps(load(x + i), mean);
            squares = _mm512_fmadd_ps(d, d, squares);
        }
        v16 by = _mm512_div_ps(set(1.0f), _mm512_sqrt_ps(set(_mm512_reduce_add_ps(squares) / (float)n + epsilon)));
        for (int64_t i = 0; i < n; i += LANES) {
            v16 d = _mm512_mul_ps(_mm512_sub_ps(load(x + i), mean), by);
            v16 y = _mm512_fmadd_ps(d, load(weight + i), load(shift + i));
            most = _mm512_max_ps(most, _mm512_abs_ps(y));
            store(x + i, y);
        }
        quantise(x, n, _mm512_reduce_max_ps(most), q, scale + r);
    }
}

/* One head, ``size`` wide, of ``rows`` tokens of a text of ``length``; see ``attend``. */
INLINE void attend_rows(const int rows, const int size, const float *q, int64_t stride, int64_t hidden, int64_t length,
                        const float *keys, const float *v, float *out) {
    const int64_t padded = (length + LANES - 1) / LANES * LANES;
    const __mmask16 last = (__mmask16)(0xffffu >> (padded - length));
    float shares[4][MOST];
    v16 by[4];
    for (int64_t j = 0; j < padded; j += LANES) {
        v16 even[4], odd[4];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) even[r] = odd[r] = set(0.0f);
#pragma GCC unroll 2
        for (int d = 0; d < size; d += 2) {
            v16 k0 = load(keys + d * padded + j), k1 = load(keys + (d + 1) * padded + j);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                even[r] = _mm512_fmadd_ps(set(q[r * stride + d]), k0, even[r]);
                odd[r] = _mm512_fmadd_ps(set(q[r * stride + d + 1]), k1, odd[r]);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            v16 s = _mm512_add_ps(even[r], odd[r]);
            store(shares[r] + j, j + LANES == padded ? _mm512_mask_blend_ps(last, set(-1e30f), s) : s);
        }
    }
    for (int r = 0; r < rows; r++) {
        v16 largest = set(-1e30f), total = set(0.0f);
        for (int64_t j = 0; j < padded; j += LANES) largest = _mm512_max_ps(largest, load(shares[r] + j));
        v16 top = set(_mm512_reduce_max_ps(largest));
        for (int64_t j = 0; j < padded; j += LANES) {
            v16 share = power(_mm512_mul_ps(_mm512_sub_ps(load(shares[r] + j), top), set(1.44269504f)));
            store(shares[r] + j, share);
            total = _mm512_add_ps(total, share);
        }
        by[r] = set(1.0f / _mm512_reduce_add_ps(total));
    }
    v16 sum[4][4];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int d = 0; d < size / LANES; d++) sum[r][d] = set(0.0f);
    for (int64_t j = 0; j < length; j++) {
#pragma GCC unroll 4
        for (int d = 0; d < size / LANES; d++) {
            v16 value = load(v + j * stride + d * LANES);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) sum[r][d] = _mm512_fmadd_ps(set(shares[r][j]), value, sum[r][d]);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int d = 0; d < size / LANES; d++)
            store(out + r * hidden + d * LANES, _mm512_mul_ps(sum[r][d], by[r]));
}

/* One head of one text: qkv with ``stride`` numbers a token, out with ``hidden``. */
INLINE void attend(const int size, const float *qkv, int64_t stride, int64_t hidden, int64_t length, float *out,
                   float *keys) {
    const int64_t padded = (length + LANES - 1) / LANES * LANES;
    const float *k = qkv + hidden, *v = qkv + 2 * hidden;
    for (int64_t j = 0; j < padded; j++)
        for (int d = 0; d < size; d++) keys[d * padded + j] = j < length ? k[j * stride + d] : 0.0f;
    int64_t i = 0;
    for (; i + 4 <= length; i += 4)
        attend_rows(4, size, qkv + i * stride, stride, hidden, length, keys, v, out + i * hidden);
    const float *q = qkv + i * stride;
    switch (length - i) {
        case 1: attend_rows(1, size, q, stride, hidden, length, keys, v, out + i * hidden); break;
        case 2: attend_rows(2, size, q, stride, hidden, length, keys, v, out + i * hidden); break;
        case 3: attend_rows(3, size, q, stride, hidden, length, keys, v, out + i * hidden); break;
    }
}

static void attend_32(const float *qkv, int64_t stride, int64_t hidden, int64_t length, float *out, float *keys) {
    attend(32, qkv, stride, hidden, length, out, keys);
}

static void attend_64(const float *qkv, int64_t stride, int64_t hidden, int64_t length, float *out, float *keys) {
    attend(64, qkv, stride, hidden, length, out, keys);
}

/* x [n] times weight [n][columns], added to y [columns]. */
static void multiply(const float *x, const float *weight, int64_t n, int64_t columns, float *y) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < columns; j++) y[j] = __builtin_fmaf(x[i], weight[i * columns + j], y[j]);
}

/* One product alone, to be compared with exact sums: y [rows][n]. */
void finsent_product(const Linear *w, int64_t rows, const uint8_t *a, const float *row_scale, float *y) {
    product_PLAIN(a, row_scale, rows, w, y, y); /* this product leaves its last argument alone */
}

/* Bytes of scratch memory for ``tokens`` tokens in all, the longest text of ``longest``. */
int64_t finsent_scratch(const Network *net, int64_t tokens, int64_t longest) {
    int64_t rows = GROUP + longest, widest = 3 * net->hidden > net->inner ? 3 * net->hidden : net->inner;
    return 4096 + tokens * (5 * net->hidden + 4) + rows * (5 * widest + 4 * net->hidden + 4 + 4 * LANES) +
           4 * net->hidden / net->heads * (longest + LANES);
}

INLINE void *take(char **memory, int64_t bytes) {
    char *at = (char *)(((uintptr_t)*memory + 63) & ~(uintptr_t)63);
    *memory = at + bytes;
    return at;
}

/* Scores ``texts`` texts, whose tokens stand one behind the other. ``own`` marks the tokens that the mean is taken of. */
void finsent_run(const Network *net, int64_t texts, const int64_t *lengths, const int64_t *ids, const int64_t *types,
                 const uint8_t *own, char *memory, float *logits, float *embeddings) {
    const int64_t hidden = net->hidden, inner = net->inner, size = hidden / net->heads;
    const int64_t widest = 3 * hidden > inner ? 3 * hidden : inner;
    int64_t tokens = 0, longest = 0;
    for (int64_t t = 0; t < texts; t++) {
        tokens += lengths[t];
        longest = lengths[t] > longest ? lengths[t] : longest;
    }
    const int64_t most_rows = GROUP + longest;
    float *x = take(&memory, tokens * hidden * 4);
    uint8_t *q = take(&memory, tokens * hidden);
    float *scale = take(&memory, tokens * 4);
    float *wide = take(&memory, most_rows * widest * 4);
    uint8_t *narrow = take(&memory, most_rows * widest);
    float *context = take(&memory, most_rows * hidden * 4);
    float *wide_scale = take(&memory, most_rows * 4);
    float *most = take(&memory, most_rows * LANES * 4);
    float *keys = take(&memory, size * (longest + LANES) * 4);

    int64_t row = 0;
    for (int64_t t = 0; t < texts; t++)
        for (int64_t place = 0; place < lengths[t]; place++, row++) {
            const int8_t *word = net->words + ids[row] * hidden;
            const float *position = net->positions + place * hidden, *type = net->types + types[row] * hidden;
            v16 by = set(net->word_scale[ids[row]]);
            for (int64_t i = 0; i < hidden; i += LANES) {
                v16 w = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(word + i))));
                w = _mm512_fmadd_ps(w, by, load(position + i));
                store(x + row * hidden + i, _mm512_add_ps(w, load(type + i)));
            }
        }
    normalise(x, tokens, hidden, net->norm, net->shift, net->epsilon, q, scale);

    for (int64_t l = 0; l < net->count; l++) {
        const Layer *layer = net->layers + l;
        int64_t start = 0;
        for (int64_t t = 0; t < texts;) {
            int64_t end = t, rows = 0;
            while (end < texts && rows < GROUP) rows += lengths[end++];
            float *mine = x + start * hidden;
            uint8_t *mine_q = q + start * hidden;
            product_PLAIN(mine_q, scale + start, rows, &layer->qkv, wide, most);
            for (int64_t at = 0; t < end; at += lengths[t++])
                for (int64_t h = 0; h < net->heads; h++)
                    (size == 32 ? attend_32 : attend_64)(wide + at * 3 * hidden + h * size, 3 * hidden, hidden,
                                                         lengths[t], context + at * hidden + h * size, keys);
            for (int64_t r = 0; r < rows; r++)
                quantise_row(context + r * hidden, hidden, narrow + r * hidden, wide_scale + r);
            product_RESIDUAL(narrow, wide_scale, rows, &layer->out, mine, most);
            normalise(mine, rows, hidden, layer->norm1, layer->shift1, net->epsilon, mine_q, scale + start);
            memset(most, 0, (size_t)(rows * LANES * 4));
            product_GELU(mine_q, scale + start, rows, &layer->up, wide, most);
            for (int64_t r = 0; r < rows; r++)
                quantise_gelu(wide + r * inner, inner, _mm512_reduce_max_ps(load(most + r * LANES)), narrow + r * inner,
                              wide_scale + r);
            product_RESIDUAL(narrow, wide_scale, rows, &layer->down, mine, most);
            normalise(mine, rows, hidden, layer->norm2, layer->shift2, net->epsilon, mine_q, scale + start);
            start += rows;
        }
    }

    row = 0;
    for (int64_t t = 0; t < texts; row += lengths[t++]) {
        const float *first = x + row * hidden;
        float *mean = wide, *dense = wide + hidden, *unit = embeddings + t * hidden, *result = logits + 3 * t;
        int64_t count = 0;
        for (int64_t place = 0; place < lengths[t]; place++) count += own[row + place] != 0;
        memset(mean, 0, (size_t)hidden * 4);
        for (int64_t place = 0; place < lengths[t]; place++)
            if (count ? own[row + place] : !place) /* special tokens alone have no mean; the first stands in */
                for (int64_t i = 0; i < hidden; i += LANES)
                    store(mean + i, _mm512_add_ps(load(mean + i), load(first + place * hidden + i)));
        v16 by = set(count ? 1.0f / (float)count : 1.0f), squares = set(0.0f);
        for (int64_t i = 0; i < hidden; i += LANES) {
            v16 m = _mm512_mul_ps(load(mean + i), by);
            v16 u = net->center ? _mm512_sub_ps(m, load(net->center + i)) : m;
            store(mean + i, m);
            store(unit + i, u);
            squares = _mm512_fmadd_ps(u, u, squares);
        }
        v16 length = _mm512_max_ps(_mm512_sqrt_ps(set(_mm512_reduce_add_ps(squares))), set(1e-6f));
        for (int64_t i = 0; i < hidden; i += LANES) store(unit + i, _mm512_div_ps(load(unit + i), length));
        memcpy(result, net->head_bias, 3 * 4);
        if (net->dense) {
            memcpy(dense, net->dense_bias, (size_t)hidden * 4);
            multiply(first, net->dense, hidden, hidden, dense);
            for (int64_t i = 0; i < hidden; i += LANES) {
                v16 d = load(dense + i), e = power(_mm512_mul_ps(_mm512_abs_ps(d), set(-2.88539008f)));
                v16 tanh = _mm512_div_ps(_mm512_sub_ps(set(1.0f), e), _mm512_add_ps(set(1.0f), e));
                store(dense + i, _mm512_mask_sub_ps(tanh, _mm512_cmp_ps_mask(d, set(0.0f), _CMP_LT_OQ), set(0.0f), tanh));
            }
            multiply(dense, net->head, hidden, 3, result);
        } else {
            multiply(first, net->head, hidden, 3, result);
            multiply(mean, net->head + 3 * hidden, hidden, 3, result);
        }
    }
}

#else

int finsent_kernel(void) { return 0; }

#endif
