#if defined(__x86_64__)
#include "lanes_avx512.h"

#define CDK_TABLE cdk_kernels_avx512
#include "body.h"
#else
typedef int cdk_no_avx512;
#endif
