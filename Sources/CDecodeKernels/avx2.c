#if defined(__x86_64__)
#include "lanes_avx2.h"

#define CDK_TABLE cdk_kernels_avx2
#include "body.h"
#else
typedef int cdk_no_avx2;
#endif
