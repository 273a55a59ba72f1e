/* Linux: getpriority(2), sched_getaffinity(2), getrlimit(2). */
#include "platform/posix/system.h"

#include <sched.h>
#include <string.h>
#include <sys/resource.h>

struct limits {
    int32_t nice, processors_known;
    uint64_t processors[128]; /* a bit for each, 8,192 of them */
    struct rlimit resources[RLIM_NLIMITS];
};
_Static_assert(sizeof(struct limits) == sizeof(struct platform_limits), "the contract's room is this structure's");

static bool read_limits(struct limits *l)
{
    memset(l, 0, sizeof *l);
    errno = 0;
    l->nice = getpriority(PRIO_PROCESS, 0);
    if (errno) return false;
    l->processors_known = sched_getaffinity(0, sizeof l->processors, (cpu_set_t *)l->processors) == 0;
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        if (getrlimit(i, &l->resources[i]) < 0 && errno != EINVAL) return false;
    }
    return true;
}

bool platform_limits_read(struct platform_limits *limits)
{
    struct limits l;
    if (!read_limits(&l)) return false;
    memcpy(limits, &l, sizeof l);
    return true;
}

static bool take_over(const struct limits *l, const struct limits *present)
{
    if (l->nice != present->nice && setpriority(PRIO_PROCESS, 0, l->nice) < 0) return false;
    if (l->processors_known && memcmp(l->processors, present->processors, sizeof l->processors) != 0
        && sched_setaffinity(0, sizeof l->processors, (const cpu_set_t *)l->processors) < 0)
        return false;
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        const struct rlimit *wanted = &l->resources[i];
        if (memcmp(wanted, &present->resources[i], sizeof *wanted) != 0 && setrlimit(i, wanted) < 0) return false;
    }
    return true;
}

bool platform_limits_apply(const struct platform_limits *limits)
{
    struct limits wanted, present;
    memcpy(&wanted, limits, sizeof wanted);
    return read_limits(&present) && take_over(&wanted, &present);
}
