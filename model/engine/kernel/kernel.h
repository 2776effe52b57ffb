/* What the parts of the kernel and native.py agree on. ``VERSION`` stands in native.py as well, and changes with all that
 * is here: a library of other sources must not be run. */
#ifndef FINSENT_KERNEL_H
#define FINSENT_KERNEL_H
#include <stdint.h>

enum {
    VERSION = 4,
    LANES = 16, /* of a vector, with any instruction set: so all sets add up in the same order */
    GROUP = 96, /* tokens, and the rest of the last text, that go through a layer together */
    MOST = 512  /* tokens of a text */
};

typedef struct {
    const int8_t *weight;        /* [n / columns][k / group][columns][group], see InstructionSet */
    const int32_t *compensation; /* [n]: what the zero point of the activations adds to each sum */
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

/* The kernel, compiled for one instruction set. */
typedef struct {
    const char *name;       /* as FINSENT_CPU names it */
    int64_t columns, group; /* of the order of weights */
    int64_t zero;           /* taken off every activation, which is 0 to 255, before it is multiplied */
    /* Bytes of scratch memory for ``tokens`` tokens in all, the longest text of ``longest``. */
    int64_t (*scratch)(const Network *net, int64_t tokens, int64_t longest);
    /* Scores ``texts`` texts, whose tokens stand one behind the other. ``own`` marks the tokens that the mean is taken
     * of. */
    void (*run)(const Network *net, int64_t texts, const int64_t *lengths, const int64_t *ids, const int64_t *types,
                const uint8_t *own, char *memory, float *logits, float *embeddings);
    /* One product alone, to be compared with exact sums: y [rows][n]; ``memory`` has 2 * rows * k + 64 bytes. */
    void (*product)(const Linear *w, int64_t rows, const uint8_t *a, const float *row_scale, char *memory, float *y);
} InstructionSet;

extern const InstructionSet finsent_avx512, finsent_avxvnni, finsent_avx2, finsent_neon;

int finsent_version(void);
/* NULL where this processor, or this build, has not got the set of that name. */
const InstructionSet *finsent_instruction_set(const char *name);

#endif
