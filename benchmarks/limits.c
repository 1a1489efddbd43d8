/* What delivering spikes asks of the machine. rows[k] is a row of `length` synapses, each a target and a weight of 4 bytes;
   every weight is added to its target. */
#include <stddef.h>
#include <stdint.h>

void scatter(const int32_t *rows, ptrdiff_t n_rows, int32_t length, const int32_t *restrict target,
             const float *restrict weight, float *restrict sum)
{
    for (ptrdiff_t k = 0; k < n_rows; k++) {
        const int32_t *t = target + (ptrdiff_t)rows[k] * length;
        const float *w = weight + (ptrdiff_t)rows[k] * length;
        for (int32_t e = 0; e < length; e++)
            sum[t[e]] += w[e];
    }
}

/* The same, with the row eight spikes ahead prefetched. */
void scatter_ahead(const int32_t *rows, ptrdiff_t n_rows, int32_t length, const int32_t *restrict target,
                   const float *restrict weight, float *restrict sum)
{
    for (ptrdiff_t k = 0; k < n_rows; k++) {
        const int32_t *t = target + (ptrdiff_t)rows[k] * length;
        const float *w = weight + (ptrdiff_t)rows[k] * length;
        if (k + 8 < n_rows)
            for (int32_t e = 0; e < length; e += 16) {
                __builtin_prefetch(target + (ptrdiff_t)rows[k + 8] * length + e);
                __builtin_prefetch(weight + (ptrdiff_t)rows[k + 8] * length + e);
            }
        for (int32_t e = 0; e < length; e++)
            sum[t[e]] += w[e];
    }
}

void triad(ptrdiff_t n, double *restrict a, const double *restrict b, const double *restrict c, double s)
{
    for (ptrdiff_t i = 0; i < n; i++)
        a[i] = b[i] + s * c[i];
}
