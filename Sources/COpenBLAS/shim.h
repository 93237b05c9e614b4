#include <cblas.h>
#include <stdlib.h>
#include <string.h>

// The LAPACK routines in use, as OpenBLAS exports them: Fortran names, column-major, everything by address.
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
             const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
             const int *lwork, int *iwork, const int *liwork, int *info);

// What a build for many processors calls when it is loaded, to choose its kernels; others have none of it.
void gotoblas_dynamic_init(void) __attribute__((weak));
void gotoblas_dynamic_quit(void) __attribute__((weak));

// One thread per call, and kernels for this processor. To be called once, before any other call.
//
// OpenBLAS knows processors by model and takes its oldest x86 kernels for one that came out after it: version 0.3.21 on an
// Emerald Rapids multiplies at a fifth of its speed. It then chooses again, told which family to take, unless the user
// has told it already.
static inline void copenblas_prepare(void) {
#if defined(__x86_64__)
  const char *variable = "OPENBLAS_CORETYPE";
  const char *family = 0;
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) family = "Haswell";
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq"))
    family = "SkylakeX";
  if (family && gotoblas_dynamic_init && gotoblas_dynamic_quit && !getenv(variable) &&
      strcmp(openblas_get_corename(), "Prescott") == 0) {
    setenv(variable, family, 1);
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    unsetenv(variable);
  }
#endif
  openblas_set_num_threads(1);
}
