/* Windows has no signals that can be blocked. */
#include "platform/windows/system.h"

uint64_t platform_signal_mask(void) { return 0; }
int platform_signal_mask_set(uint64_t mask) { return mask ? EINVAL : 0; }
void platform_interrupts_block(void) {}
