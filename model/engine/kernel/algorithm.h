/* The encoder of model/encoder/graph.py: the same network, weights and rounding to int8, but what lies between two matrix
 * products is done while the numbers are still in the cache. Each instruction set's file includes this one, and gives the
 * types and functions of vectors that stand here without a definition, and these:
 *   activation, ZERO  the type in which activations of 0 to 255 are kept, and what is taken off them before
 *   K_GROUP           how many weights of a column stand side by side
 *   ROWS, VECTORS     of one tile of a product: its sums fill the registers; VECTORS of 16 columns
 *   TOGETHER          rows of attention computed together, as registers allow
 *
 * The same bits come out with every set. Sums of int8 products are exact. Vectors have 16 numbers with every set, however
 * many registers that takes, each step is one that IEEE 754 says to the bit (addition, multiplication, the two fused,
 * division, square root, rounding), and the compiler may not fuse others (-ffp-contract=off).
 *
 * No sum runs over more than one text, and none depends on where a text stands: products of int8 are exact, and all
 * else is computed token by token or text by text. So a text scores the same bits in any batch.
 */
#define COLUMNS (VECTORS * LANES)

/* 2 to the power of x, which is not above 0, off by 3e-6 of itself; never under 2 to the power of -125, so that no number
 * is too small to be held in full. */
INLINE v16 power(v16 x) {
    x = larger(x, set(-125.0f));
    v16 n = nearest(x), r = subtract(x, n);
    v16 p = set(9.57006182e-3f);
    p = times_plus(p, r, set(5.59178789e-2f));
    p = times_plus(p, r, set(2.40247458e-1f));
    p = times_plus(p, r, set(6.93121813e-1f));
    p = times_plus(p, r, set(0.999999261f));
    return times_two_to(p, n);
}

/* 1 / x for x of 1 and more, off by 3e-6 of itself. Processors have instructions for this that differ in the last bits,
 * and a division takes longer. The first guess is that taking off bits takes off logarithms; it is off by an eighth, the
 * second step leaves the third power of that, the third the square of what is left then. */
INLINE v16 reciprocal(v16 x) {
    v16 y = bits_below(0x7ef311c7, x);
    v16 off = minus_times(x, y, set(1.0f));
    y = times_plus(y, times_plus(off, off, off), y);
    return times_plus(y, minus_times(x, y, set(1.0f)), y);
}

/* GELU, off by 3e-5 of x at most, while int8 moves what comes out of it by a hundred times as much: the error function
 * as in Abramowitz and Stegun 7.1.25. */
INLINE v16 gelu(v16 x) {
    v16 size = size_of(x);
    v16 t = reciprocal(times_plus(size, set(0.47047f * 0.70710678f), set(1.0f)));
    v16 p = times_plus(t, set(0.7478556f / 2), set(-0.0958798f / 2));
    p = times(times_plus(p, t, set(0.3480242f / 2)), t);
    v16 fall = power(times(times(x, set(-0.72134752f)), x));
    return minus_times(times(p, size), fall, larger(x, set(0.0f)));
}

enum Then { PLAIN, GELU, RESIDUAL };

/* Rows [rows <= ROWS] times COLUMNS columns, and what follows. */
INLINE void tile(const int rows, const enum Then then, const activation *restrict a, const float *row_scale,
                 const Linear *w, int64_t column, float *restrict y, float *restrict most) {
    sums sum[ROWS][VECTORS];
    const int64_t k = w->k, n = w->n;
    const int8_t *b = w->weight + column * k;
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++) sum[r][v] = negative(w->compensation + column + v * LANES);
    for (int64_t i = 0; i < k; i += K_GROUP) {
        factors weights[VECTORS];
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++) weights[v] = load_weights(b + i * COLUMNS + v * LANES * K_GROUP);
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            REPEATED x = repeat(a + r * k + i);
#pragma GCC unroll 2
            for (int v = 0; v < VECTORS; v++) ADD_PRODUCTS(sum[r][v], x, weights[v]);
        }
    }
    v16 scale[VECTORS], bias[VECTORS];
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) {
        scale[v] = load(w->scale + column + v * LANES);
        bias[v] = load(w->bias + column + v * LANES);
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        v16 of = set(row_scale[r]);
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++) {
            v16 p = times_plus(times(to_float(sum[r][v]), of), scale[v], bias[v]);
            float *at = y + r * n + column + v * LANES;
            if (then == GELU) {
                float *m = most + r * LANES;
                p = gelu(p);
                store(m, larger(load(m), p));
            }
            if (then == RESIDUAL) p = add(p, load(at));
            store(at, p);
        }
    }
}

#define CASE(ROWS_LEFT, THEN)                                                                                         \
    case ROWS_LEFT:                                                                                                   \
        tile(ROWS_LEFT, THEN, a, row_scale, w, column, y, most);                                                      \
        break;
#if ROWS == 12
#define MORE_CASES(THEN) CASE(7, THEN) CASE(8, THEN) CASE(9, THEN) CASE(10, THEN) CASE(11, THEN) CASE(12, THEN)
#else
#define MORE_CASES(THEN)
#endif
#define TILES(THEN)                                                                                                   \
    static void tile_##THEN(int64_t rows, const activation *a, const float *row_scale, const Linear *w, int64_t column,  \
                            float *y, float *most) {                                                                  \
        switch (rows) {                                                                                               \
            CASE(1, THEN) CASE(2, THEN) CASE(3, THEN) CASE(4, THEN) CASE(5, THEN) CASE(6, THEN) MORE_CASES(THEN)      \
        }                                                                                                             \
    }                                                                                                                 \
    static void product_##THEN(const activation *a, const float *row_scale, int64_t rows, const Linear *w, float *y,     \
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

INLINE void quantise(const float *x, int64_t n, float largest, activation *q, float *scale) {
    largest = largest > 1e-8f ? largest : 1e-8f;
    *scale = largest / 127.0f;
    v16 by = set(127.0f / largest);
    for (int64_t i = 0; i < n; i += LANES) store_rounded(q + i, times(load(x + i), by), 128);
}

/* GELU is nowhere below -0.17, so what comes out of it is stored with 0.17 added, in all of 0 to 255: half the error of
 * a range that is symmetric about 0. The bias of the next product takes the 0.17 off again. */
INLINE void quantise_gelu(const float *x, int64_t n, float largest, activation *q, float *scale) {
    *scale = (largest + 0.17f) / 255.0f;
    v16 by = set(255.0f / (largest + 0.17f)), least = times(by, set(0.17f));
    for (int64_t i = 0; i < n; i += LANES) store_rounded(q + i, times_plus(load(x + i), by, least), 0);
}

INLINE void quantise_row(const float *x, int64_t n, activation *q, float *scale) {
    v16 most = set(0.0f);
    for (int64_t i = 0; i < n; i += LANES) most = larger(most, size_of(load(x + i)));
    quantise(x, n, largest_of(most), q, scale);
}

/* In place, and quantised. */
static void normalise(float *x, int64_t rows, int64_t n, const float *weight, const float *shift, float epsilon,
                      activation *q, float *scale) {
    for (int64_t r = 0; r < rows; r++, x += n, q += n) {
        v16 sum = set(0.0f), squares = set(0.0f), most = set(0.0f);
        for (int64_t i = 0; i < n; i += LANES) sum = add(sum, load(x + i));
        v16 mean = set(sum_of(sum) / (float)n);
        for (int64_t i = 0; i < n; i += LANES) {
            v16 d = subtract(load(x + i), mean);
            squares = times_plus(d, d, squares);
        }
        v16 by = divide(set(1.0f), root(set(sum_of(squares) / (float)n + epsilon)));
        for (int64_t i = 0; i < n; i += LANES) {
            v16 d = times(subtract(load(x + i), mean), by);
            v16 y = times_plus(d, load(weight + i), load(shift + i));
            most = larger(most, size_of(y));
            store(x + i, y);
        }
        quantise(x, n, largest_of(most), q, scale + r);
    }
}

/* One head, ``size`` wide, of ``rows`` tokens of a text of ``length``; see ``attend``. */
INLINE void attend_rows(const int rows, const int size, const float *q, int64_t stride, int64_t hidden, int64_t length,
                        const float *keys, const float *v, float *out) {
    const int64_t padded = (length + LANES - 1) / LANES * LANES;
    float shares[TOGETHER][MOST];
    v16 by[TOGETHER];
    for (int64_t j = 0; j < padded; j += LANES) {
        v16 even[TOGETHER], odd[TOGETHER];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) even[r] = odd[r] = set(0.0f);
#pragma GCC unroll 2
        for (int d = 0; d < size; d += 2) {
            v16 k0 = load(keys + d * padded + j), k1 = load(keys + (d + 1) * padded + j);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                even[r] = times_plus(set(q[r * stride + d]), k0, even[r]);
                odd[r] = times_plus(set(q[r * stride + d + 1]), k1, odd[r]);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            v16 s = add(even[r], odd[r]);
            store(shares[r] + j, j + LANES == padded ? first_or(s, length - j, set(-1e30f)) : s);
        }
    }
    for (int r = 0; r < rows; r++) {
        v16 largest = set(-1e30f), total = set(0.0f);
        for (int64_t j = 0; j < padded; j += LANES) largest = larger(largest, load(shares[r] + j));
        v16 top = set(largest_of(largest));
        for (int64_t j = 0; j < padded; j += LANES) {
            v16 share = power(times(subtract(load(shares[r] + j), top), set(1.44269504f)));
            store(shares[r] + j, share);
            total = add(total, share);
        }
        by[r] = set(1.0f / sum_of(total));
    }
    v16 sum[TOGETHER][4];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int d = 0; d < size / LANES; d++) sum[r][d] = set(0.0f);
    for (int64_t j = 0; j < length; j++) {
#pragma GCC unroll 4
        for (int d = 0; d < size / LANES; d++) {
            v16 value = load(v + j * stride + d * LANES);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) sum[r][d] = times_plus(set(shares[r][j]), value, sum[r][d]);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int d = 0; d < size / LANES; d++)
            store(out + r * hidden + d * LANES, times(sum[r][d], by[r]));
}

/* One head of one text: qkv with ``stride`` numbers a token, out with ``hidden``. */
INLINE void attend(const int size, const float *qkv, int64_t stride, int64_t hidden, int64_t length, float *out,
                   float *keys) {
    const int64_t padded = (length + LANES - 1) / LANES * LANES;
    const float *k = qkv + hidden, *v = qkv + 2 * hidden;
    for (int64_t j = 0; j < padded; j++)
        for (int d = 0; d < size; d++) keys[d * padded + j] = j < length ? k[j * stride + d] : 0.0f;
    for (int64_t i = 0; i < length; i += TOGETHER) {
        const float *of = qkv + i * stride;
        float *to = out + i * hidden;
        switch (length - i) {
            case 1: attend_rows(1, size, of, stride, hidden, length, keys, v, to); break;
#if TOGETHER == 4
            case 2: attend_rows(2, size, of, stride, hidden, length, keys, v, to); break;
            case 3: attend_rows(3, size, of, stride, hidden, length, keys, v, to); break;
#endif
            default: attend_rows(TOGETHER, size, of, stride, hidden, length, keys, v, to);
        }
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

static int64_t scratch(const Network *net, int64_t tokens, int64_t longest) {
    const int64_t rows = GROUP + longest, widest = 3 * net->hidden > net->inner ? 3 * net->hidden : net->inner;
    const int64_t held = 4 + (int64_t)sizeof(activation);
    return 4096 + tokens * (held * net->hidden + 4) + rows * (held * widest + 4 * net->hidden + 4 + 4 * LANES) +
           4 * net->hidden / net->heads * (longest + LANES);
}

INLINE void *take(char **memory, int64_t bytes) {
    char *at = (char *)(((uintptr_t)*memory + 63) & ~(uintptr_t)63);
    *memory = at + bytes;
    return at;
}

static void product(const Linear *w, int64_t rows, const uint8_t *a, const float *row_scale, char *memory, float *y) {
    activation *held = take(&memory, rows * w->k * (int64_t)sizeof *held);
    for (int64_t i = 0; i < rows * w->k; i++) held[i] = (activation)(a[i] - ZERO);
    product_PLAIN(held, row_scale, rows, w, y, y); /* this product leaves its last argument alone */
}

static void run(const Network *net, int64_t texts, const int64_t *lengths, const int64_t *ids, const int64_t *types,
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
    activation *q = take(&memory, tokens * hidden * (int64_t)sizeof *q);
    float *scale = take(&memory, tokens * 4);
    float *wide = take(&memory, most_rows * widest * 4);
    activation *narrow = take(&memory, most_rows * widest * (int64_t)sizeof *narrow);
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
                v16 w = times_plus(load_int8(word + i), by, load(position + i));
                store(x + row * hidden + i, add(w, load(type + i)));
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
            activation *mine_q = q + start * hidden;
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
                quantise_gelu(wide + r * inner, inner, largest_of(load(most + r * LANES)), narrow + r * inner,
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
                    store(mean + i, add(load(mean + i), load(first + place * hidden + i)));
        v16 by = set(count ? 1.0f / (float)count : 1.0f), squares = set(0.0f);
        for (int64_t i = 0; i < hidden; i += LANES) {
            v16 m = times(load(mean + i), by);
            v16 u = net->center ? subtract(m, load(net->center + i)) : m;
            store(mean + i, m);
            store(unit + i, u);
            squares = times_plus(u, u, squares);
        }
        v16 length = larger(root(set(sum_of(squares))), set(1e-6f));
        for (int64_t i = 0; i < hidden; i += LANES) store(unit + i, divide(load(unit + i), length));
        memcpy(result, net->head_bias, 3 * 4);
        if (net->dense) {
            memcpy(dense, net->dense_bias, (size_t)hidden * 4);
            multiply(first, net->dense, hidden, hidden, dense);
            for (int64_t i = 0; i < hidden; i += LANES) {
                v16 d = load(dense + i), e = power(times(size_of(d), set(-2.88539008f)));
                v16 tanh = divide(subtract(set(1.0f), e), add(set(1.0f), e));
                store(dense + i, with_sign_of(tanh, d));
            }
            multiply(dense, net->head, hidden, 3, result);
        } else {
            multiply(first, net->head, hidden, 3, result);
            multiply(mean, net->head + 3 * hidden, hidden, 3, result);
        }
    }
}

const InstructionSet THIS = {NAME, COLUMNS, K_GROUP, ZERO, scratch, run, product};
