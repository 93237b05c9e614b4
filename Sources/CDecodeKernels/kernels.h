#ifndef CDK_KERNELS_H
#define CDK_KERNELS_H

#include "cdk.h"

extern const cdk_kernels cdk_kernels_scalar;
#if defined(__x86_64__)
extern const cdk_kernels cdk_kernels_avx2;
extern const cdk_kernels cdk_kernels_avx512;
#elif defined(__aarch64__)
extern const cdk_kernels cdk_kernels_neon;
#endif

#endif
