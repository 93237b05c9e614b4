#if defined(__aarch64__)
#include "lanes_neon.h"

#define CDK_TABLE cdk_kernels_neon
#include "body.h"
#else
typedef int cdk_no_neon;
#endif
