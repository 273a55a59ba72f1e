/* Windows: GetProcessAffinityMask, which knows the processors of one group. */
#include "platform/windows/system.h"

int platform_processors(void)
{
    DWORD_PTR mine, all;
    if (!GetProcessAffinityMask(GetCurrentProcess(), &mine, &all)) return 1;
    if (mine == 0) return (int)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS); /* threads in several groups */
    int n = 0;
    for (; mine; mine &= mine - 1) n++;
    return n;
}

void platform_yield(void) { SwitchToThread(); }
