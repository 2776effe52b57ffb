/* Which instruction sets this processor has. */
#include "kernel.h"

#include <string.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

int finsent_version(void) { return VERSION; }

const InstructionSet *finsent_instruction_set(const char *name) {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (!strcmp(name, "avx512") && avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vnni"))
        return &finsent_avx512;
    if (!strcmp(name, "avxvnni") && avx2 && __builtin_cpu_supports("avxvnni")) return &finsent_avxvnni;
    if (!strcmp(name, "avx2") && avx2) return &finsent_avx2;
#elif defined(__aarch64__) && defined(__linux__)
    if (!strcmp(name, "neon") && getauxval(AT_HWCAP) & (1 << 20 /* ASIMDDP */)) return &finsent_neon;
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
    if (!strcmp(name, "neon")) return &finsent_neon;
#endif
    (void)name;
    return 0;
}
