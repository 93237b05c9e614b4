#include "lanes_scalar.h"

#define CDK_TABLE cdk_kernels_scalar
#include "body.h"
