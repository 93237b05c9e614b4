#include "kernels.h"

static int is_supported(cdk_isa isa) {
  switch (isa) {
    case CDK_SCALAR: return 1;
#if defined(__x86_64__)
    case CDK_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
             __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    case CDK_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#elif defined(__aarch64__)
    case CDK_NEON: return 1;
#endif
    default: return 0;
  }
}

const cdk_kernels *cdk_kernels_for(cdk_isa isa) {
  if (!is_supported(isa)) return NULL;
  switch (isa) {
#if defined(__x86_64__)
    case CDK_AVX2: return &cdk_kernels_avx2;
    case CDK_AVX512: return &cdk_kernels_avx512;
#elif defined(__aarch64__)
    case CDK_NEON: return &cdk_kernels_neon;
#endif
    default: return &cdk_kernels_scalar;
  }
}
